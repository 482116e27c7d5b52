# frozen_string_literal: true

require "stringio"
require "timeout"

RSpec.describe WaterDrop::Producer do
  subject(:producer) { build }

  let(:broker) { Karafka::Embedded::Broker.start(topics: { "orders" => 4 }) }
  let(:log) { StringIO.new }
  let(:events) { Queue.new }
  let(:kafka) { {} }

  after do
    producer.close!
    broker.stop
  end

  def build(**settings)
    described_class.new do |config|
      config.kafka = { "bootstrap.servers": broker.bootstrap_servers, **kafka }
      config.logger = Logger.new(log)
      config.max_wait_timeout = 5_000
      settings.each { |name, value| config.public_send(:"#{name}=", value) }
    end
  end

  def watch(*event_ids)
    event_ids.each { |id| producer.monitor.subscribe(id) { |event| events << event } }
  end

  # The next event that the block accepts
  def event(within: 10)
    Timeout.timeout(within) do
      loop do
        found = events.pop
        return found if !block_given? || yield(found)
      end
    end
  end

  def in_child
    reader, writer = IO.pipe
    pid = fork do
      reader.close
      writer.write(yield.to_s)
      writer.close
      exit!
    end
    writer.close
    Process.wait(pid)
    reader.read
  end

  it "delivers" do
    report = producer.produce_sync(topic: :orders, payload: "1", partition: 2, label: :mine)

    expect(report).to have_attributes(topic: "orders", partition: 2, offset: 0, error: nil, label: :mine)
    expect(producer).to have_attributes(status: be_connected, queue_size: 0)
  end

  it "delivers what may be nil, empty, binary, large, dated and repeated" do
    messages = [
      { payload: nil, key: "k" }, { payload: "" }, { payload: "\xFF\0".b }, { payload: "x" * 900_000 },
      { payload: "1", timestamp: Time.now }, { payload: "1", timestamp: 1_700_000_000_000 },
      { payload: "1", headers: { "a" => "1", "b" => %w[2 3] } }
    ].map { |message| { topic: "orders", partition: 0, **message } }

    expect(producer.produce_many_sync(messages).map { |handle| handle.create_result.offset }).to eq([*0..6])
  end

  it "gives a handle that can be waited for" do
    handle = producer.produce_async(topic: "orders", payload: "1", partition: 1, label: 7)

    expect(handle.wait(max_wait_timeout_ms: 5_000)).to have_attributes(partition: 1, offset: 0, label: 7)
    expect(handle).to have_attributes(pending?: false, topic: "orders", label: 7)
  end

  it "keeps a partition key together, whatever the key" do
    messages = Array.new(8) { |i| { topic: "orders", payload: "1", key: "k#{i}", partition_key: "together" } }
    partitions = producer.produce_many_sync(messages).map { |handle| handle.create_result.partition }

    expect(partitions.uniq.size).to eq(1)
    expect(producer.partition_count("orders")).to eq(4)
  end

  it "names a key that messages do not have" do
    expect { producer.produce_sync(topic: "orders", payload: "1", partiton: 2) }
      .to raise_error(ArgumentError, /partiton/)
  end

  it "tells of deliveries, with their labels" do
    watch("message.acknowledged")
    producer.produce_sync(topic: "orders", payload: "1", partition: 3, label: { id: 1 })

    expect(event.payload).to include(
      producer_id: producer.id, topic: "orders", partition: 3, offset: 0, label: { id: 1 },
      delivery_report: have_attributes(offset: 0, error: nil, label: { id: 1 })
    )
  end

  it "tells those who subscribe later, too" do
    producer.produce_sync(topic: "orders", payload: "1")
    watch("message.acknowledged")
    producer.produce_sync(topic: "orders", payload: "2", label: :second)

    expect(event { |told| told[:label] == :second }[:offset]).to be >= 0
  end

  it "tells a monitor that does something with every event" do
    heard = events
    monitor = Class.new(WaterDrop::Instrumentation::Monitor) do
      define_method(:instrument) do |id, payload = {}, &block|
        heard << [id, payload]
        super(id, payload, &block)
      end
    end
    producer = build(monitor: monitor.new)
    producer.produce_async(topic: "orders", payload: "1", label: :mine)

    expect(event { |id, _| id == "message.acknowledged" }.last).to include(label: :mine)
  ensure
    producer&.close!
  end

  it "may be used by who hears that it is connected" do
    counts = []
    producer.monitor.subscribe("producer.connected") { counts << producer.partition_count("orders") }
    producer.produce_sync(topic: "orders", payload: "1")

    expect(counts).to eq([4])
  end

  it "goes on when a subscriber raises" do
    watch("error.occurred")
    producer.monitor.subscribe("message.acknowledged") { |event| raise "no" if event[:label] == 1 }
    producer.monitor.subscribe("message.acknowledged") { |event| events << event }
    producer.produce_sync(topic: "orders", payload: "1", label: 1)
    producer.produce_sync(topic: "orders", payload: "1", label: 2)

    expect(event.payload).to include(type: "callbacks.delivery.error", error: have_attributes(message: "no"))
    expect(event.payload).to include(label: 2)
  end

  it "goes on when a subscriber raises what is no StandardError, and when the one of that does" do
    producer.monitor.subscribe("message.acknowledged") { |event| raise NotImplementedError, "no" if event[:label] == 1 }
    producer.monitor.subscribe("message.acknowledged") { |event| events << event }
    producer.monitor.subscribe("error.occurred") { raise LoadError, "not that either" }
    [1, 2].each { |label| producer.produce_sync(topic: "orders", payload: "1", label: label) }

    expect(event.payload).to include(label: 2)
    expect(log.string).to match(/NotImplementedError.*LoadError/)
  end

  context "when the broker refuses" do
    let(:kafka) { { retries: 0 } }

    it "raises, and tells why" do
      watch("error.occurred")
      producer.client
      broker.native.request_errors(:produce, [29])

      expect { producer.produce_sync(topic: "orders", payload: "1", label: :lost) }.to raise_error(
        an_instance_of(WaterDrop::Errors::ProduceError)
          .and(having_attributes(cause: have_attributes(code: :topic_authorization_failed)))
      )
      types = [event, event].to_h { |told| [told[:type], told] }
      expect(types).to include(
        "message.produce_sync", "librdkafka.dispatch_error" => have_attributes(
          payload: include(topic: "orders", label: :lost, error: have_attributes(code: :topic_authorization_failed))
        )
      )
    end

    it "leaves the decision to who waits for a handle" do
      producer.client
      broker.native.request_errors(:produce, [29])
      handle = producer.produce_async(topic: "orders", payload: "1")

      report = handle.wait(raise_response_error: false)
      expect(report.error.code).to eq(:topic_authorization_failed)
    end
  end

  context "when the queue is full" do
    let(:kafka) { { "queue.buffering.max.messages": 5 } }

    before { broker.native.broker_down(nil) }

    it "raises after its patience, having told" do
      producer = build(wait_backoff_on_queue_full: 10, wait_timeout_on_queue_full: 50)
      producer.monitor.subscribe("error.occurred") { |event| events << event }
      5.times { producer.produce_async(topic: "orders", payload: "1") }

      expect { producer.produce_async(topic: "orders", payload: "1") }
        .to raise_error(WaterDrop::Errors::ProduceError) { |error| expect(error.cause.code).to eq(:queue_full) }
      expect(event { |told| told[:type] == "message.produce_async" }[:error].cause.code).to eq(:queue_full)
    ensure
      producer.purge
      producer.close
    end

    it "goes on when there is room again" do
      5.times { producer.produce_async(topic: "orders", payload: "1") }
      waiting = Thread.new { producer.produce_async(topic: "orders", payload: "1") }
      Thread.pass until waiting.status == "sleep"
      broker.native.broker_up(nil)

      expect(waiting.value.wait(max_wait_timeout_ms: 10_000).error).to be_nil
    end
  end

  context "when no broker answers" do
    before do
      producer.produce_sync(topic: "orders", payload: "1")
      broker.native.broker_down(nil)
    end

    after { producer.purge }

    it "ends a wait at its limit" do
      handle = producer.produce_async(topic: "orders", payload: "1")

      expect { handle.wait(max_wait_timeout_ms: 50) }.to raise_error(Rdkafka::AbstractHandle::WaitTimeoutError)
      expect(handle).to be_pending
    end

    it "lets a wait be interrupted, and other threads run meanwhile", :timing do
      counted = 0
      waiting = Thread.new { producer.produce_sync(topic: "orders", payload: "1") }
      waiting.report_on_exception = false
      Thread.pass until waiting.status == "sleep"
      counter = Thread.new { loop { counted += 1 } }
      sleep(0.05)
      counter.kill

      expect { Timeout.timeout(0.2) { producer.client.flush(5_000) } }
        .to raise_error(Timeout::Error)
      waiting.raise(Interrupt, "enough")
      expect { waiting.value }.to raise_error(Interrupt)
      expect(counted).to be > 1_000
    end

    it "says so" do
      watch("error.occurred")
      expect(event(within: 10) { |told| told[:type] == "librdkafka.error" }.payload)
        .to include(producer_id: producer.id, error: be_a(Rdkafka::RdkafkaError))
    end

    it "gives up at a forced close, and reports each message" do
      producer.config.max_wait_timeout = 100
      watch("error.occurred")
      handle = producer.produce_async(topic: "orders", payload: "1", label: :late)
      producer.close!

      expect(handle.wait(raise_response_error: false).error.code).to eq(:purge_queue).or eq(:purge_inflight)
      expect(event { |told| told[:type] == "librdkafka.dispatch_error" }[:label]).to eq(:late)
      expect(log.string).to include("gave up 1 messages")
    end
  end

  context "with statistics" do
    let(:kafka) { { "statistics.interval.ms": 100 } }

    it "tells who subscribed before it connected" do
      watch("statistics.emitted")
      producer.produce_sync(topic: "orders", payload: "1")

      expect(event[:statistics]).to include("name", "txmsgs")
    end

    it "refuses who comes too late" do
      producer.produce_sync(topic: "orders", payload: "1")

      expect { watch("statistics.emitted") }.to raise_error(WaterDrop::Errors::StatisticsNotEnabledError)
      expect { watch("message.acknowledged") }.not_to raise_error
    end
  end

  it "tells the partitions of a topic until it is closed" do
    expect(producer.partition_count(:orders)).to eq(4)
    producer.close

    expect { producer.partition_count(:orders) }.to raise_error(WaterDrop::Errors::ProducerClosedError)
  end

  describe "#close" do
    it "sends what is buffered and on its way" do
      watch("producer.closing", "producer.closed")
      handle = producer.produce_async(topic: "orders", payload: "1", partition: 0)
      producer.buffer(topic: "orders", payload: "2", partition: 0)
      producer.close

      expect(handle.create_result.offset).to eq(0)
      expect([event.id, event.id]).to eq(%w[producer.closing producer.closed])
      expect { producer.produce_sync(topic: "orders", payload: "1") }
        .to raise_error(WaterDrop::Errors::ProducerClosedError)
      again = build
      expect(again.produce_sync(topic: "orders", payload: "3", partition: 0).offset).to eq(2)
      again.close
    end

    it "works in a signal handler" do
      producer.produce_async(topic: "orders", payload: "1")
      previous = trap("USR2") { producer.close }
      Process.kill("USR2", Process.pid)
      Timeout.timeout(10) { Thread.pass until producer.status.closed? }

      expect(producer.queue_size).to eq(0)
    ensure
      trap("USR2", previous || "DEFAULT")
    end

    it "works in a signal handler that interrupts it" do
      producer.produce_async(topic: "orders", payload: "1")
      lock = producer.instance_variable_get(:@mutex)
      handled = false
      previous = trap("USR2") { producer.close.tap { handled = true } }
      lock.synchronize do
        Process.kill("USR2", Process.pid)
        Timeout.timeout(10) { Thread.pass until handled }
      end
      Timeout.timeout(10) { Thread.pass until producer.status.closed? }

      expect(producer.queue_size).to eq(0)
    ensure
      trap("USR2", previous || "DEFAULT")
    end

    it "goes on where one was interrupted" do
      broker.stop
      producer.config.max_wait_timeout = 100
      handle = producer.produce_async(topic: "orders", payload: "1")
      expect { Timeout.timeout(0.3) { producer.close } }.to raise_error(Timeout::Error)
      producer.close!

      expect(producer.status).to be_closed
      expect(handle.wait(raise_response_error: false).error.code).to eq(:purge_queue).or eq(:purge_inflight)
      expect(log.string).to include("gave up 1 messages")
    end

    it "ends though it was interrupted while subscribers heard of the last answers" do
      held = Queue.new
      producer.monitor.subscribe("message.acknowledged") { held.pop }
      producer.produce_sync(topic: "orders", payload: "1")
      expect { Timeout.timeout(0.3) { producer.close } }.to raise_error(Timeout::Error)
      producer.close

      expect(producer.status).to be_closed
    ensure
      held.close
    end

    it "leaves no thread" do
      producer.produce_sync(topic: "orders", payload: "1")
      expect { producer.close }.to change { Thread.list.map(&:name).count("karafka.producer.events") }.by(-1)
    end
  end

  describe "forks" do
    it "make a used producer useless in the child, and leave it alone in the parent" do
      producer.produce_sync(topic: "orders", payload: "1", partition: 0)
      raised = in_child do
        producer.produce_sync(topic: "orders", payload: "2")
      rescue StandardError => e
        producer.close
        e.class
      end

      expect(raised).to eq("WaterDrop::Errors::ProducerUsedInParentProcess")
      expect(producer.produce_sync(topic: "orders", payload: "3", partition: 0).offset).to eq(1)
    end

    it "do not wait for what the parent is told" do
      handle = producer.produce_async(topic: "orders", payload: "1")
      raised = in_child do
        handle.wait
      rescue StandardError => e
        e.class
      end

      expect(raised).to eq("Karafka::Native::ForeignProcessError")
      expect(handle.wait.offset).to eq(0)
    end

    it "may use one that was only configured" do
      producer
      message = { topic: "orders", payload: "1", partition: 0 }

      expect(in_child { producer.produce_sync(message).offset.tap { producer.close } }).to eq("0")
    end
  end

  it "names a setting that can not be" do
    expect { build(kafka: { "bootstrap.servers": "a:1", acks: "many" }) }
      .to raise_error(WaterDrop::Errors::ConfigurationInvalidError, /acks/)
  end
end
