# frozen_string_literal: true

require_relative "support/shops"

RSpec.describe "Puma", timing: true do
  { "in single mode" => 0, "in cluster mode, with 2 workers" => 2 }.each do |mode, workers|
    context mode do
      it "fills each order exactly once, in all processes that consume" do
        open_shop(workers: workers) do |shop|
          audit = filled(shop, place(shop, 400))

          expect(audit).to be_exactly_once
          expect(audit.by_process.size).to eq(shop.processes_wanted)
        end
      end

      # TERM ends Puma by that very signal unless it is told otherwise; after INT it exits.
      { "TERM" => [Signal.list.fetch("TERM"), nil], "INT" => [nil, 0] }.each do |signal, (termsig, exitstatus)|
        it "ends cleanly on #{signal}: a report of each process, and none is left" do
          open_shop(workers: workers) do |shop|
            ids = place(shop, 100)
            filled(shop, ids)
            status = shop.stop(signal)

            expect([status.termsig, status.exitstatus]).to eq([termsig, exitstatus])
            expect(shop.reports.size).to eq(shop.processes_wanted)
            expect(shop.reports).to all(be_clean)
            expect(shop.processes).to be_empty
            expect(Demo::Audit.new(ids, shop.journal_path)).to be_exactly_once
          end
        end
      end

      it "answers what was asked before the end, and leaves to the next one what it did not fill itself" do
        topic = new_topic
        entries = []
        ids = open_shop(workers: workers, topic: topic) do |shop|
          place_until_end(shop).tap { entries << File.read(shop.journal_path) }
        end
        expect(ids).not_to be_empty

        open_shop(workers: workers, topic: topic) do |shop|
          File.write(shop.journal_path, entries.first, mode: "a")
          expect(filled(shop, ids)).to be_exactly_once
        end
      end
    end
  end

  it "replaces a worker that is killed, and no order is lost" do
    open_shop(workers: 2) do |shop|
      ids = place(shop, 200)
      victim = shop.status.fetch(:processes).first.fetch(:process_id)
      Process.kill("KILL", victim)
      eventually_within("another worker in its place", 30) do
        pids = consuming(shop)
        pids.size == 2 && !pids.include?(victim)
      end
      ids += place(shop, 200)

      expect(filled(shop, ids).missing).to be_empty
    end
  end

  it "stops before a hot restart, and consumes again after it" do
    open_shop(workers: 0) do |shop|
      filled(shop, place(shop, 50))
      Process.kill("USR2", shop.pid)
      eventually_within("the report of the stop", 30) { shop.reports.size == 1 }
      eventually_within("the new program", 30) { shop.log.scan("Puma starting").size == 2 && consuming(shop).any? }

      expect(shop.reports).to all(be_clean)
      expect(filled(shop, place(shop, 50))).to be_exactly_once
    end
  end

  it "answers its probe, and says what is wrong with an order" do
    open_shop(workers: 0) do |shop|
      expect(shop.get("/karafka/status").code).to eq("200")
      expect(shop.connect { |http| http.post("/orders", '{"item":"Petrol"}') }.code).to eq("422")
      expect(shop.connect { |http| http.post("/orders", "not JSON") }.code).to eq("422")
    end
  end

  # Orders without pause, and TERM in the middle of them
  # @return [Array<String>] ids of those that were answered
  def place_until_end(shop)
    ids = Queue.new
    customers = Array.new(4) { Thread.new { order_until_end(shop, ids) } }
    eventually_within("orders on their way, and filled", 30) { ids.size > 50 && File.exist?(shop.journal_path) }
    shop.stop
    customers.each(&:value)
    Array.new(ids.size) { ids.pop }
  end

  def order_until_end(shop, ids)
    shop.connect do |http|
      loop do
        answer = http.post("/orders", '{"item":"Espresso","quantity":1}')
        raise "an order was answered with #{answer.code}: #{answer.body}" unless answer.code == "201"

        ids << JSON.parse(answer.body).fetch("id")
      end
    end
  rescue SystemCallError, EOFError
    nil # Puma has closed the connection, or the door.
  end

  # @return [Array<Integer>] healthy processes; none while Puma has no answer
  def consuming(shop)
    shop.status.fetch(:processes).filter_map { |one| one.fetch(:process_id) if one.fetch(:healthy) }
  rescue SystemCallError, EOFError
    []
  end
end
