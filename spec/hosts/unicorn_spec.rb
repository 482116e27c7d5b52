# frozen_string_literal: true

require_relative "support/flow"
require_relative "support/table"
require_relative "support/unicorn_host"

RSpec.describe "Unicorn with consumers", timing: true do
  table = Table.new("unicorn")
  after(:all) { table.save }

  let(:topic) { KafkaServer.create_topic("unicorn", partitions: 4) }
  let(:messages) { Acceptance.size(full: 50_000, short: 2_000) }
  let(:environment) do
    { "APP_TOPIC" => topic, "APP_GROUP" => topic, "KAFKA_BOOTSTRAP_SERVERS" => KafkaServer.bootstrap }
  end

  # Sends messages while the block runs, and sees them consumed
  # @return [Integer] how many
  def flow_through(host)
    host.await_running
    flow = Flow.new(KafkaServer.bootstrap, topic, messages, partitions: 4)
    host.await("messages consumed by all") { (host.consuming - host.diaries.entries.map(&:pid)).empty? }
    yield
    sent = flow.finish
    host.await("the rest consumed", within: 90) { host.diaries.consumed >= sent }
    sent
  end

  def end_gracefully(host)
    host.signal("QUIT")
    host.wait
    Eventually.eventually("the end of all its processes") { host.members.empty? }
  end

  { "preload" => "the master", "none" => "each worker" }.each do |boot, loader|
    it "consumes through start, reload and graceful end, loaded by #{loader}" do
      UnicornHost.open(boot, environment: environment) do |host|
        sent = flow_through(host) do
          former = host.consuming
          host.signal("HUP")
          host.await_others(former, UnicornHost::PROCESSES)
        end
        end_gracefully(host)

        row = { host: "unicorn", boot: boot, signal: "HUP", **host.outcome(sent) }
        table.add(row)
        expect(row).to include(lost: 0, repeated: 0, never_stopped: 0, orphans: 0, unclean: 0)
      end
    end
  end

  it "has another worker take over from one that was killed" do
    UnicornHost.open("preload", environment: environment) do |host|
      killed = nil
      sent = flow_through(host) do
        killed = host.consuming.first
        host.signal("KILL", to: killed)
        host.await_others([killed], UnicornHost::PROCESSES)
      end
      end_gracefully(host)

      row = { host: "unicorn", boot: "preload", signal: "KILL of a worker", **host.outcome(sent, killed: [killed]) }
      table.add(row)
      expect(row).to include(lost: 0, never_stopped: 0, orphans: 0, unclean: 0)
    end
  end

  it "ends gracefully, and is replaced, where a crash policy asks it to" do
    UnicornHost.open("preload", environment: environment) do |host|
      former = host.await_running.consuming
      Feed.open(KafkaServer.bootstrap) { |feed| feed.send(topic, ["end the host"]) }
      host.await("another worker") { host.consuming.size == 2 && (host.consuming & former).size == 1 }

      ended = host.diaries.states.group_by(&:pid).fetch((former - host.consuming).first)
      expect(ended.last.name).to eq("stopped")
    end
  end

  # Unicorn's quick end leaves its workers by `exit!`: nobody is told, and the group misses them after their session
  it "leaves to the next one what a quick end cuts short" do
    Dir.mktmpdir("web") do |directory|
      sent = nil
      UnicornHost.open("preload", directory: directory, environment: environment) do |host|
        host.await_running
        flow = Flow.new(KafkaServer.bootstrap, topic, messages, partitions: 4)
        host.await("messages consumed by all") { (host.consuming - host.diaries.entries.map(&:pid)).empty? }
        host.signal("TERM")
        host.wait
        sent = flow.finish
      end
      UnicornHost.open("preload", directory: directory, environment: environment) do |host|
        host.await("the rest consumed", within: 90) { host.diaries.consumed >= sent }
        end_gracefully(host)

        expect(host.outcome(sent)).to include(lost: 0, orphans: 0, unclean: 0)
      end
    end
  end
end
