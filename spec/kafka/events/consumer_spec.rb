# frozen_string_literal: true

require "tmpdir"

# Rows of the event table that tell of consumers and workers
RSpec.describe "Events of a consumer" do
  let(:topic) { KafkaServer.create_topic("orders") }
  let(:group) { Karafka::App.routes.first.subscription_groups.first }
  let(:events) do
    EventRecorder.new(*Karafka::Instrumentation::Notifications::EVENTS.grep(/\A(consumer|worker\.[pc]|dead|err)/))
  end

  def application(consumer, kafka: {}, &options)
    setup_embedded(KafkaServer.bootstrap, kafka: kafka)
    route(topic, consumer, &options)
    events
  end

  def consume(*payloads)
    start_with({ topic => 1 })
    feed(topic, payloads)
  end

  it "the order of a consume job" do
    application(consumer_class { nil })
    consume("x")
    events.await("worker.completed")

    expect(events.ids).to eq(
      %w[consumer.initialize consumer.initialized consumer.before_schedule_consume consumer.wrap worker.process
         consumer.consume consumer.consumed worker.processed consumer.wrapped worker.completed]
    )
    timed = %w[consumer.initialized consumer.wrapped consumer.consumed worker.processed]
    expect(events.all.select { |event| event.payload.key?(:time) }.map(&:id)).to match_array(timed)
    expect(timed.flat_map { |id| events.of(id).map { |event| event[:time] } }).to all(be_a(Float))
    consumers = events.all.select { |event| event.id.start_with?("consumer.") }.map { |event| event[:caller] }
    expect(consumers).to all(be_a(Karafka::BaseConsumer))
    expect(consumers.uniq.size).to eq(1)
  end

  it "consumer.before_schedule_shutdown, .shutting_down, .shutdown" do
    application(consumer_class { nil })
    consume("x")
    events.await("worker.completed")
    before = events.all.size
    Karafka::Embedded.stop

    expect(events.ids.drop(before)).to eq(
      %w[consumer.before_schedule_shutdown consumer.wrap worker.process consumer.shutting_down consumer.shutdown
         worker.processed consumer.wrapped worker.completed]
    )
    expect(events.of("consumer.shutdown").first.payload.keys).to contain_exactly(:caller, :time)
  end

  # Has the only partition revoked
  def with_rival(&block)
    Dir.mktmpdir do |directory|
      ChildProcess.open(:journal, bootstrap: KafkaServer.bootstrap, topic: topic, group: group.group_id, batch_ms: 0,
                                  journal: File.join(directory, "journal"), &block)
    end
  end

  it "consumer.before_schedule_revoked, .revoke, .revoked" do
    application(consumer_class { nil })
    consume("x")
    events.await("worker.completed")
    with_rival { events.await("consumer.revoked", within: 60) }

    expect(events.ids & %w[consumer.before_schedule_revoked consumer.revoke consumer.revoked])
      .to eq(%w[consumer.before_schedule_revoked consumer.revoke consumer.revoked])
    expect(events.of("consumer.revoked").first.payload.keys).to contain_exactly(:caller, :time)
  end

  it "consumer.before_schedule_eofed, .eof, .eofed" do
    application(consumer_class(eofed: proc {}) { nil }, kafka: { "enable.partition.eof": true }) { eofed true }
    start_with({ topic => 1 })
    events.await("consumer.eofed")

    expect(events.ids & %w[consumer.before_schedule_eofed consumer.eof consumer.eofed])
      .to eq(%w[consumer.before_schedule_eofed consumer.eof consumer.eofed])
    expect(events.of("consumer.eofed").first.payload.keys).to contain_exactly(:caller, :time)
  end

  it "consumer.consuming.pause" do
    application(consumer_class { pause(messages.first.offset, 60_000) })
    consume("x")

    payload = events.await("consumer.consuming.pause").payload
    expect(payload).to eq(caller: payload[:caller], manual: true, topic: topic, partition: 0,
                          subscription_group: group, offset: 0, timeout: 60_000, attempt: 1)
  end

  it "consumer.consuming.retry" do
    application(consumer_class { raise "bad" if attempt == 1 })
    consume("x")
    payload = events.await("consumer.consuming.retry").payload

    expect(payload).to eq(caller: payload[:caller], topic: topic, partition: 0, offset: 0, timeout: 20, attempt: 1)
    expect(events.of("consumer.consuming.pause").first.payload).to include(manual: false, offset: 0, timeout: 20)
    expect(events.ids & %w[error.occurred consumer.consuming.pause consumer.consuming.retry worker.processed])
      .to eq(%w[error.occurred consumer.consuming.pause consumer.consuming.retry worker.processed])
    events.await("consumer.consumed")
  end

  it "consumer.consuming.seek" do
    sought = false
    application(consumer_class do
      seek(0, reset_offset: false) unless sought
      sought = true
    end)
    consume("x", "y")
    payload = events.await("consumer.consuming.seek").payload

    expect(payload.keys)
      .to contain_exactly(:caller, :topic, :partition, :message, :manual_seek, :reset_offset, :time)
    expect(payload).to include(topic: topic, partition: 0, manual_seek: true, reset_offset: false, time: be_a(Float))
    expect(payload[:message]).to eq(Karafka::Messages::Seek.new(topic, 0, 0))
  end

  it "dead_letter_queue.dispatched" do
    letters = KafkaServer.create_topic("letters")
    application(consumer_class { raise "bad" }) { dead_letter_queue(topic: letters, max_retries: 0) }
    consume("x")
    payload = events.await("dead_letter_queue.dispatched").payload

    expect(payload.keys).to contain_exactly(:caller, :message)
    expect(payload[:caller]).to be_a(Karafka::BaseConsumer)
    expect(payload[:message]).to have_attributes(offset: 0, raw_payload: "x")
  end

  it "worker.process, worker.processed, worker.completed" do
    application(consumer_class { nil })
    busy = Queue.new
    Karafka.monitor.subscribe("worker.processed") { |event| busy << event[:jobs_queue].statistics }
    consume("x")
    events.await("worker.completed")

    told = %w[worker.process worker.processed worker.completed].map { |id| events.of(id).first }
    expect(told.map { |event| event.payload.keys - [:time] }).to all(contain_exactly(:caller, :job, :jobs_queue))
    job = told.first[:job]
    expect(told.map { |event| event[:job] }).to all(equal(job))
    expect(job).to have_attributes(id: /\A\h+\z/, class: have_attributes(action: :consume, name: /::Consume\z/))
    expect(job.executor).to have_attributes(partition: 0, topic: have_attributes(name: topic))
    expect(busy.pop).to eq(busy: 1, enqueued: 0)
    expect(told.first[:caller]).to respond_to(:id)
  end

  {
    "consumer.initialized.error" => [:initialized, []], "consumer.wrap.error" => [:wrap, []],
    "consumer.consume.error" => [:consume, [:seek_offset]], "consumer.shutdown.error" => [:shutdown, []]
  }.each do |type, (hook, extra)|
    it "error.occurred, #{type}" do
      bodies = { consume: proc {}, hook => proc { |*| raise NotImplementedError, "in #{hook}" } }
      body = bodies.delete(:consume)
      application(consumer_class(bodies, &body))
      consume("x")
      events.await("worker.completed")
      Karafka::Embedded.stop

      told = events.of("error.occurred").find { |event| event[:type] == type }
      expect(told.payload.keys).to contain_exactly(:caller, :error, :type, *extra)
      expect(told[:error]).to be_a(NotImplementedError)
    end
  end

  def error_of(type, within: 20)
    events.await("error.occurred", within: within) { |event| event[:type] == type }
  end

  it "error.occurred, consumer.after_consume.error" do
    application(consumer_class { raise "poison" }) { dead_letter_queue(topic: "dead", max_retries: 0) }
    allow(Karafka.producer).to receive(:produce_async).and_raise("no letter")
    consume("x")

    told = error_of("consumer.after_consume.error")
    expect(told.payload.keys).to contain_exactly(:caller, :error, :type, :seek_offset)
    expect(told.payload).to include(error: have_attributes(message: "no letter"), seek_offset: 0)
  end

  it "error.occurred, consumer.eofed.error" do
    application(consumer_class(eofed: proc { raise "at the end" }) { nil }, kafka: { "enable.partition.eof": true }) do
      eofed true
    end
    consume("x")

    told = error_of("consumer.eofed.error")
    expect(told.payload.keys).to contain_exactly(:caller, :error, :type, :seek_offset)
    expect(told[:error].message).to eq("at the end")
  end

  it "error.occurred, consumer.revoked.error" do
    application(consumer_class(revoked: proc { raise "taken" }) { nil })
    consume("x")
    events.await("worker.completed")
    told = with_rival { error_of("consumer.revoked.error", within: 60) }

    expect(told.payload.keys).to contain_exactly(:caller, :error, :type)
    expect(told[:error].message).to eq("taken")
  end

  it "error.occurred, runner.call.error" do
    application(consumer_class { nil })
    Karafka.monitor.subscribe("app.running") { raise "subscriber" }
    Karafka::Embedded.start

    told = error_of("runner.call.error")
    expect(told.payload.keys).to contain_exactly(:caller, :error, :type)
    expect(told[:error].message).to eq("subscriber")
    expect(Karafka::Embedded).to be_running
  end

  it "error.occurred, worker.process.error" do
    application(consumer_class { nil })
    Karafka.monitor.subscribe("consumer.before_schedule_consume") { raise "subscriber" }
    consume("x")

    told = error_of("worker.process.error")
    expect(told.payload.keys).to contain_exactly(:caller, :error, :type, :job, :jobs_queue)
    expect(told[:error].message).to eq("subscriber")
    expect(Karafka::Embedded).to be_running
  end

  it "error.occurred, app.stopping.error" do
    gate = Queue.new
    application(consumer_class { gate.pop })
    consume("x")
    events.await("consumer.consume")
    Karafka::Embedded.stop(timeout: 500)

    told = error_of("app.stopping.error")
    expect(told.payload.keys)
      .to contain_exactly(:caller, :error, :type, :active_listeners, :alive_workers, :in_processing)
    expect(told[:error]).to be_a(Karafka::Errors::ForcefulShutdownError)
    expect(told[:in_processing].keys).to eq([group.id])
  end
end
