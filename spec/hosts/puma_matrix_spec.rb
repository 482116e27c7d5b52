# frozen_string_literal: true

require_relative "support/ordeal"
require_relative "support/table"

# What is asked of a Puma with consumers, as against one without: the rows of issue 5's first table
RSpec.describe "Puma with consumers, and a signal", timing: true do
  messages = Acceptance.size(full: 50_000, short: 2_000)
  table = Table.new("puma")
  after(:all) { table.save }

  # A group misses a member that was killed after its session. Puma has to boot meanwhile, and the group to rebalance.
  takeover_ms = 6_000 + 6_000

  rows = { "single" => ["TERM", "INT", "HUP", "USR1", "USR2", "KILL of master"] }
  rows["cluster"] = [*rows["single"], "KILL of worker 0"]
  rows["cluster without preloading"] = %w[TERM USR1]
  rows["cluster with fork_worker"] = [*rows["cluster"], "KILL of worker 1", "URG"]

  rows.each do |mode, signals|
    signals.each do |signal|
      it "#{mode}, #{signal}: loses nothing, fails no request, and stops wherever it can" do
        ordeal = table.add(Ordeal.new(mode, signal, messages: messages).run)
        control = table.add(Ordeal.new(mode, signal, messages: messages, consume: "none").run)

        expect(ordeal.to_h).to include(lost: 0, wrong: 0, orphans: 0, never_stopped: 0, unclean: 0)
        expect(ordeal.sent).to be >= messages
        # A kill takes what was being answered with it, four requests at most, whoever consumes
        expect(ordeal.failed.size).to be <= (signal.start_with?("KILL") ? 4 : control.failed.size)
        expect(ordeal.takeover_ms || 0).to be <= takeover_ms
      end
    end
  end
end
