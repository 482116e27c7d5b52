# frozen_string_literal: true

# O4, O5, O16, O18 and O22: what happens to errors
RSpec.describe "Error rules" do
  after { Thread.list.select { |thread| thread.name == "karafka.critical_shutdown" }.each(&:join) }

  it "O4: an error has what is not marked delivered again, while other partitions go on" do
    seen = Array.new(2) { [] }
    consuming(partitions: 2, concurrency: 1) do
      seen[partition].concat(messages.raw_payloads)
      next if partition == 1 || attempt > 2

      mark_as_consumed(messages.first) if attempt == 2
      raise ArgumentError, "bad"
    end
    feed(topic, %w[x], partition: 1)

    eventually("messages") { seen == [%w[a b c a b c b c], %w[x]] }
    expect(reported.transform_values { |list| list.map(&:class) })
      .to eq("consumer.consume.error" => [ArgumentError, ArgumentError])
    expect(events_of("consumer.consuming.retry").map { |event| event.payload.slice(:offset, :attempt) })
      .to eq([{ offset: 0, attempt: 1 }, { offset: 1, attempt: 2 }])
    expect(events_of("consumer.consuming.pause").map { |event| event[:manual] }).to eq([false, false])
    eventually("client events") { events_of("client.resume").size == 2 }
    expect(events_of("client.pause").first.payload).to include(
      caller: be_a(Karafka::Connection::Client), topic: topic, partition: 0, offset: 0, timeout: 20,
      subscription_group: Karafka::App.routes.first.subscription_groups.first
    )
  end

  it "O5: the pause is twice the timeout at first, doubles, and ends at the maximum" do
    tries = []
    consuming { (tries << attempt).size < 5 && raise }
    eventually("tries") { tries.size == 5 }

    expect(events_of("consumer.consuming.retry").map { |event| event[:timeout] }).to eq([20, 40, 50, 50])
  end

  it "O5: the pause is the timeout each time without exponential backoff" do
    tries = []
    Karafka::App.config.pause.with_exponential_backoff = false
    consuming { (tries << attempt).size < 4 && raise }
    eventually("tries") { tries.size == 4 }

    expect(events_of("consumer.consuming.retry").map { |event| event[:timeout] }).to eq([10, 10, 10])
  end

  [SystemExit, Interrupt, NoMemoryError].each do |critical|
    it "O16: #{critical} ends the engine once, and its batch is neither marked nor given up" do
      seen = []
      consuming(options: proc { dead_letter_queue(topic: "dead", max_retries: 0) }) do
        seen.concat(messages.raw_payloads)
        raise critical if seen.size == 3
      end
      eventually("the end") { Karafka::App.terminated? }

      expect(seen).to eq(%w[a b c])
      expect(events_of("dead_letter_queue.dispatched")).to be_empty
      expect(events_of("app.stopping").size).to eq(1)
      expect(committed).to be_nil
      expect(Karafka::Embedded.health[:crashes]).to match([include(cause: :critical, error: critical.name)])
      Karafka::Embedded.start
      eventually("the batch again") { seen == %w[a b c a b c] }
      expect(Karafka::Embedded.health[:crashes]).to be_empty
    end
  end

  it "O16: nothing is begun again before the end, however late that comes" do
    go = Queue.new
    allow(Karafka::Server).to receive(:stop).and_wrap_original do |stop|
      go.pop
      stop.call
    end
    seen = []
    consuming do
      seen.concat(messages.raw_payloads)
      exit
    end
    eventually("the end of work") { Karafka::Embedded.state == :quiet }
    go.close
    eventually("the end") { Karafka::App.terminated? }

    expect(seen).to eq(%w[a b c])
  ensure
    go.close
  end

  it "O16: the end comes from a thread of its own" do
    threads = []
    allow(Karafka::Server).to receive(:stop).and_wrap_original do |stop|
      threads << Thread.current.name
      stop.call
    end
    consuming { exit }
    eventually("the end") { Karafka::App.terminated? }

    expect(threads).to eq(["karafka.critical_shutdown"])
  end

  it "O18: wrap is around each job, and knows which" do
    actions = []
    around = proc do |action, &work|
      work.call
      actions << action
    end
    consuming(options: proc { eofed(true) }, hooks: { wrap: around }) { nil }
    eventually("the end of the partition") { actions.include?(:consume) }
    Karafka::Embedded.stop

    expect(actions.first).to eq(:consume)
    expect(actions.last).to eq(:shutdown)
    expect(actions - %i[consume eofed shutdown]).to be_empty
  end

  it "O18: an error of wrap is reported, and does not undo the work" do
    around = proc do |action, &work|
      work.call
      raise "late" if action == :consume
    end
    consuming(hooks: { wrap: around }) { nil }

    eventually("the mark") { committed == 3 }
    expect(reported.keys).to eq(["consumer.wrap.error"])
    expect(events_of("worker.completed").size).to eq(1)
  end

  it "O22: errors of the other hooks are reported, and nothing else" do
    failing = %i[initialized revoked shutdown eofed].to_h { |hook| [hook, proc { raise ArgumentError, hook.to_s }] }
    seen = []
    consuming([], options: proc { eofed(true) }, hooks: failing) { seen.concat(messages.raw_payloads) }
    eventually("the end of the partition") { reported.key?("consumer.eofed.error") }
    feed(topic, %w[a], partition: 0)
    eventually("the message") { seen == %w[a] && committed == 1 }
    with_rival { nil }
    eventually("the partition") { assigned == { topic => 1 } }
    feed(topic, %w[b], partition: 0)
    eventually("the message") { seen == %w[a b] && committed == 2 }
    expect(Karafka::Embedded.stop).to be_clean

    expect(reported.keys).to match_array(
      %w[consumer.initialized.error consumer.eofed.error consumer.revoked.error consumer.shutdown.error]
    )
  end
end
