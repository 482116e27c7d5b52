# frozen_string_literal: true

RSpec.describe Karafka::Processing::Executors do
  subject(:executors) { described_class.new(jobs_queue: :queue) }

  let(:calls) { [] }
  let(:events) { [] }
  let(:errors) { [] }
  let(:partition) { FakeNative::Partition.new }
  let(:topic) { Karafka::App.routes.first.topics.first }

  before do
    calls = self.calls
    stub_const("OrdersConsumer", Class.new(Karafka::BaseConsumer) do
      define_method(:calls) { calls }

      def initialized
        calls << [:initialized, topic.name, partition, messages.size]
      end

      def consume
        calls << [:consume, messages.raw_payloads]
      end

      def revoked
        calls << [:revoked]
      end

      def shutdown
        calls << [:shutdown]
      end
    end)
    setup_app
    draw { topic(:orders) { consumer OrdersConsumer } }
    watched = Karafka::Instrumentation::Notifications::EVENTS.grep(/\A(consumer|worker)\./)
    watched.each { |id| Karafka.monitor.subscribe(id) { |event| events << event } }
    Karafka.monitor.subscribe("error.occurred") { |event| errors << event }
  end

  after { Thread.list.select { |thread| thread.name == "karafka.critical_shutdown" }.each(&:join) }

  def lease(kind = :consume, *payloads, assignment: 1)
    payloads = %w[1 2] if payloads.empty?
    batch = batch_of(*payloads) if kind == :consume
    FakeNative::Lease.new(kind: kind, partition: partition, assignment: assignment, batch: batch)
  end

  def run(lease)
    work_on(executors, lease, topic, worker: :worker)
    lease
  end

  def override(&block)
    OrdersConsumer.class_eval(&block)
  end

  describe "a batch" do
    it "reaches the consumer, which knows its topic and partition before" do
      expect(run(lease).outcomes).to eq([:succeed])
      expect(calls).to eq([[:initialized, "orders", 0, 0], [:consume, %w[1 2]]])
    end

    it "has its events in the documented order" do
      run(lease)

      expect(events.map(&:id)).to eq(
        %w[consumer.initialize consumer.initialized consumer.before_schedule_consume consumer.wrap worker.process
           consumer.consume consumer.consumed worker.processed consumer.wrapped worker.completed]
      )
    end

    it "tells the worker events what runs" do
      run(lease)
      event = events.find { |one| one.id == "worker.processed" }

      expect(event.payload).to include(caller: :worker, jobs_queue: :queue, time: be_a(Float))
      expect(event[:job].id).to match(/\A\h{12}\z/)
      expect(event[:job].class.action).to eq(:consume)
      expect(event[:job].class.name).to end_with("::Consume")
      expect(event[:job].executor).to have_attributes(topic: topic, partition: 0, group_id: "app")
    end

    it "is acknowledged last" do
      acknowledged = lease
      acknowledged.on_outcome = ->(_) { calls << events.last.id }
      run(acknowledged)

      expect(calls.last).to eq("worker.completed")
    end

    it "freezes the metadata of the batch" do
      frozen = nil
      override { define_method(:consume) { frozen = messages.metadata.frozen? } }
      run(lease)

      expect(frozen).to be(true)
    end
  end

  describe "the consumer" do
    it "is one for an assignment" do
      2.times { run(lease) }
      run(lease(:consume, "3", assignment: 2))

      expect(calls.count { |call| call.first == :initialized }).to eq(2)
      expect(executors.size).to eq(2)
      expect(executors.consumers.map(&:id).uniq.size).to eq(2)
    end

    it "is one for a batch without persistence, of the class as it is then" do
      Karafka::App.config.consumer_persistence = false
      run(lease)
      stub_const("OrdersConsumer", Class.new(OrdersConsumer) { def consume = calls << [:reloaded] })
      run(lease)

      expect(calls.map(&:first)).to eq(%i[initialized consume initialized reloaded])
    end

    it "has the application's producer, unless it has its own" do
      run(lease)
      expect(executors.consumers.first.producer).to equal(Karafka.producer)

      override { def producer = :mine }
      run(lease(:consume, "1", assignment: 2))
      expect(executors.consumers.last.producer).to eq(:mine)
    end

    it "shows itself" do
      run(lease)

      expect(executors.consumers.first.inspect).to match(/\A#<OrdersConsumer:0x\h+ id=\h{12} topic="orders" /)
        .and end_with("partition=0 used=true messages_count=2 revoked=false>")
    end

    it "marks, produces and tags" do
      seen = []
      override do
        define_method(:consume) do
          tags.add(:kind, "x")
          seen << mark_as_consumed(messages.first) << mark_as_consumed!(messages.last) << seek_offset
          seen << attempt << retrying? << tags.to_a
          seen << produce_sync(topic: "out", payload: "1").topic_name
        end
      end
      run(lease)

      expect(seen).to eq([true, true, 12, 1, false, ["x"], "out"])
      expect(partition.marks).to eq([10, 11])
    end

    it "needs no call of super in initialize" do
      override { def initialize = (@own = true) }

      expect(run(lease).outcomes).to eq([:succeed])
    end

    it "may have private methods, and hooks of tools around them" do
      override { private :consume, :revoked }
      tool = Module.new do
        private

        def on_consume
          calls << [:before]
          super
          calls << [:after]
        end
      end
      OrdersConsumer.prepend(tool)
      run(lease)

      expect(calls.map(&:first)).to eq(%i[initialized before consume after])
    end

    it "has to say what to do" do
      override { remove_method :consume }
      run(lease)

      expect(errors.map { |event| event[:error] }).to match([be_a(NotImplementedError)])
    end
  end

  describe "a consumer that raises" do
    before do
      partition.seek_offset = 10
      override { def consume = raise(ArgumentError, "bad order") }
    end

    it "is reported, and its batch delivered again" do
      expect(run(lease).outcomes).to eq([:fail])
      expect(errors.map(&:payload)).to contain_exactly(
        include(type: "consumer.consume.error", error: be_a(ArgumentError), caller: be_a(OrdersConsumer),
                seek_offset: 10)
      )
    end

    it "says when it is tried again" do
      run(lease)
      ids = events.map(&:id)
      event = events.find { |one| one.id == "consumer.consuming.retry" }

      expect(event.payload)
        .to include(topic: "orders", partition: 0, offset: 10, timeout: 2_000, attempt: 1)
      expect(ids).not_to include("consumer.consumed")
      expect(ids.last(4)).to eq(%w[consumer.consuming.retry worker.processed consumer.wrapped worker.completed])
    end

    it "does not say so for a partition that is gone" do
      partition.lost = true

      expect(run(lease).outcomes).to eq([:fail])
      expect(events.map(&:id)).not_to include("consumer.consuming.retry")
    end

    [SystemExit, NoMemoryError, Interrupt, NotImplementedError, Class.new(ScriptError)].each do |error|
      it "may raise #{error.name || "what is no StandardError"}" do
        allow(Karafka::Server).to receive(:stop)
        override { define_method(:consume) { raise error } }

        expect(run(lease).outcomes).to eq([:fail])
        expect(errors.size).to eq(1)
      end
    end

    it "stops the engine when the error is critical" do
      stopped = Queue.new
      allow(Karafka::Server).to receive(:stop) { stopped << Thread.current.name }
      override { def consume = exit }
      run(lease)

      expect(stopped.pop).to eq("karafka.critical_shutdown")
    end

    it "is repeated when its subscribers raise too" do
      Karafka.monitor.subscribe("error.occurred") { raise "listener" }
      allow(Karafka.logger).to receive(:error)

      expect(run(lease).outcomes).to eq([:fail])
      expect(Karafka.logger).to have_received(:error).with(/listener.*bad order/)
    end
  end

  describe "wrap" do
    it "is around every job" do
      override do
        def wrap(action)
          calls << [:wrap, action]
          yield
          calls << [:unwrap]
        end
      end
      run(lease)
      run(lease(:revoked))

      expect(calls.map(&:first)).to eq(%i[initialized wrap consume unwrap wrap revoked unwrap])
      expect(calls.select { |call| call.first == :wrap }.map(&:last)).to eq(%i[consume revoked])
    end

    it "that raises after the work does not undo it" do
      override { def wrap(_action) = yield && raise("late") }

      expect(run(lease).outcomes).to eq([:succeed])
      expect(errors.map { |event| event[:type] }).to eq(["consumer.wrap.error"])
    end

    it "that raises before the work has it repeated" do
      override { def wrap(_action) = raise("early") }

      expect(run(lease).outcomes).to eq([:postpone])
      expect(calls.map(&:first)).to eq([:initialized])
    end

    it "that catches what the work throws has it repeated, as a failure" do
      override do
        def wrap(_action, &block) = catch(:enough, &block)
        def consume = throw(:enough)
      end

      expect(run(lease).outcomes).to eq([:fail])
      expect(errors.map { |event| event[:type] }).to eq(["consumer.wrap.error"])
    end

    it "that does not yield has the work repeated, and says so" do
      override { def wrap(_action); end }

      expect(run(lease).outcomes).to eq([:postpone])
      expect(errors.map { |event| event[:type] }).to eq(["consumer.wrap.error"])
      expect(errors.first[:error].message).to match(%r{#wrap returned before `consume` had ended: the batch of .+/0})
    end
  end

  describe "revocation and shutdown" do
    %i[revoked shutdown].each do |kind|
      it "#{kind} reaches the consumer once, which then is gone" do
        run(lease)
        expect(run(lease(kind)).outcomes).to eq([:succeed])
        expect(run(lease(kind)).outcomes).to eq([:succeed])

        expect(calls.map(&:first)).to eq([:initialized, :consume, kind])
        expect(executors.size).to eq(0)
      end

      it "#{kind} tells nobody where there never was a message" do
        expect(run(lease(kind)).outcomes).to eq([:succeed])
        expect(calls).to be_empty
        expect(events).to be_empty
      end

      it "#{kind} that raises is reported and not repeated" do
        run(lease)
        override { define_method(kind) { raise "no" } }

        expect(run(lease(kind)).outcomes).to eq([:succeed])
        expect(errors.map { |event| event[:type] }).to eq(["consumer.#{kind}.error"])
        expect(executors.size).to eq(0)
      end
    end

    it "have their events" do
      run(lease)
      events.clear
      run(lease(:revoked))

      expect(events.map(&:id)).to eq(
        %w[consumer.before_schedule_revoked consumer.wrap worker.process consumer.revoke consumer.revoked
           worker.processed consumer.wrapped worker.completed]
      )
    end
  end

  describe "trouble outside of the consumer's work" do
    it "in initialized is reported, and the batch consumed" do
      override { def initialized = raise("no") }

      expect(run(lease).outcomes).to eq([:succeed])
      expect(errors.map { |event| event[:type] }).to eq(["consumer.initialized.error"])
    end

    it "in building the consumer is reported, and the batch repeated" do
      override { def initialize = raise("no") }

      expect(run(lease).outcomes).to eq([:postpone])
      expect(errors.map { |event| event[:type] }).to eq(["worker.process.error"])
    end

    it "in a subscriber is reported, and the batch repeated when it was not consumed" do
      Karafka.monitor.subscribe("worker.process") { raise "listener" }

      expect(run(lease).outcomes).to eq([:postpone])
      expect(errors.map { |event| event[:type] }).to eq(["consumer.wrap.error"])
    end

    it "in a subscriber after the work does not undo it" do
      Karafka.monitor.subscribe("worker.completed") { raise "listener" }

      expect(run(lease).outcomes).to eq([:succeed])
      expect(errors.map { |event| event[:type] }).to eq(["worker.process.error"])
    end
  end

  describe "where code reloads" do
    let(:code) do
      Class.new(Karafka::Embedded::Code) do
        def reloads? = true
      end.new
    end

    before { Karafka::App.config.internal.code = code }

    def reload(consumer = Class.new(OrdersConsumer) { def consume = calls << [:reloaded] })
      stub_const("OrdersConsumer", consumer)
    end

    it "the next batch has a consumer of the class as it is then" do
      run(lease)
      reload
      2.times { run(lease) }

      expect(calls.map(&:first)).to eq(%i[initialized consume initialized reloaded reloaded])
    end

    it "a consumer whose class stayed stays" do
      2.times { run(lease) }

      expect(calls.map(&:first)).to eq(%i[initialized consume consume])
    end

    it "a job that is no batch is told to the consumer that had the last batch" do
      run(lease)
      reload
      run(lease(:revoked))

      expect(calls.last).to eq([:revoked])
    end

    it "every job is run by what runs code" do
      actions = []
      code.define_singleton_method(:call) do |action, &job|
        actions << action
        job.call
      end
      run(lease)
      run(lease(:shutdown))

      expect(actions).to eq(%i[consume shutdown])
    end

    [SyntaxError, NameError, LoadError].each do |error|
      it "a #{error} is reported, has the batch repeated, and heals" do
        run(lease)
        code.define_singleton_method(:call) { |*| raise(error, "broken") }
        expect(run(lease).outcomes).to eq([:postpone])
        expect(errors.map(&:payload)).to match([include(type: "worker.process.error", error: be_a(error))])

        code.singleton_class.remove_method(:call)
        reload
        expect(run(lease).outcomes).to eq([:succeed])
        expect(calls.last).to eq([:reloaded])
      end
    end

    it "a consumer that is gone is reported, has the batch repeated, and heals" do
      run(lease)
      gone = OrdersConsumer
      hide_const("OrdersConsumer")
      expect(run(lease).outcomes).to eq([:postpone])
      expect(errors.map(&:payload)).to match([include(type: "worker.process.error", error: be_a(NameError))])

      reload(gone)
      expect(run(lease).outcomes).to eq([:succeed])
    end
  end

  it "leaves the lease to its holder when the thread is killed" do
    inside = Queue.new
    override { define_method(:consume) { inside.push(true) && sleep } }
    killed = lease
    thread = Thread.new { run(killed) }
    inside.pop
    thread.kill.join

    expect(killed.outcomes).to be_empty
    override { def consume; end }
    expect(run(lease).outcomes).to eq([:succeed])
  end

  it "never runs two jobs of an assignment at once" do
    inside = Queue.new
    go_on = Queue.new
    override do
      define_method(:consume) do
        inside << true
        go_on.pop
      end
    end
    threads = Array.new(2) { Thread.new { run(lease) } }
    inside.pop
    Thread.pass until threads.any? { |thread| thread.status == "sleep" }

    expect(inside).to be_empty
    2.times { go_on << true }
    threads.each(&:join)
  end
end
