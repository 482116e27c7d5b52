# frozen_string_literal: true

RSpec.describe WaterDrop::Producer do
  subject(:producer) { build }

  let(:client_class) { WaterDrop::Clients::Buffered }
  let(:events) { [] }

  def build
    client = client_class
    producer = described_class.new do |config|
      config.kafka = { "bootstrap.servers": "a:1" }
      config.client_class = client
      config.logger = Logger.new(nil)
      config.wait_backoff_on_queue_full = 1
      config.wait_timeout_on_queue_full = 50
    end
    WaterDrop::Instrumentation::Notifications::EVENTS.each do |id|
      producer.monitor.subscribe(id) { |event| events << event }
    end
    producer
  end

  it "connects with the first message, and not before" do
    expect { producer.produce_sync(topic: :a, payload: "1") }.to change { producer.status.to_s }.to("connected")
    expect(events.map(&:id)).to eq(%w[producer.connected message.produced_sync])
    expect(events.last.payload).to include(producer_id: producer.id, message: { topic: :a, payload: "1" })
  end

  # Another thread gets the processor, and all the time it wants, before each line of the method in turn.
  it "connects once, whenever another thread connects meanwhile" do
    meetings = (1..).lazy.map { |line| meet_at(line, build) }.take_while(&:itself).to_a

    expect(meetings.size).to be > 3
    expect(meetings).to all(satisfy { |clients| clients.uniq.one? })
    expect(events.map(&:id).tally).to eq("producer.connected" => meetings.size + 1)
  end

  # @return [Array<Object>, nil] what this thread and the other got; nil where the method has no such line
  def meet_at(line, producer)
    here = Thread.current
    passed = 0
    other = nil
    trace = TracePoint.new(:line) do
      next unless Thread.current.equal?(here) && (passed += 1) == line

      # It has to wait where this thread has the lock
      other = Thread.new { producer.client }.tap { |thread| thread.join(0.2) }
    end
    client = trace.enable(target: WaterDrop::Producer.instance_method(:client)) { producer.client }
    other && [client, other.value]
  end

  it "answers with a report, or with a handle" do
    expect(producer.produce_sync(topic: "a", payload: "1", label: :x))
      .to have_attributes(topic_name: "a", topic: "a", partition: 0, offset: 0, error: nil, label: :x)
    handle = producer.produce_async(topic: "a", payload: nil, partition: 3)
    expect(handle).to have_attributes(topic: "a", pending?: false)
    expect(handle.wait).to have_attributes(partition: 3, offset: 0)
  end

  it "sends many" do
    list = [{ topic: "a", payload: "1" }, { topic: "a", payload: "2" }]

    expect(producer.produce_many_sync(list).map { |handle| handle.create_result.offset }).to eq([0, 1])
    expect(producer.produce_many_async(list).size).to eq(2)
    expect(producer.client.messages_for(:a).size).to eq(4)
  end

  it "runs its middleware first" do
    producer.middleware.append(->(message) { message.merge(payload: "#{message[:payload]}b") })
    producer.middleware.prepend(->(message) { message.merge(payload: "a") })
    producer.produce_sync(topic: "a", payload: "x")

    expect(producer.client.messages.first[:payload]).to eq("ab")
  end

  describe "messages" do
    {
      "no topic" => { payload: "" }, "a topic that is none" => { topic: "a b", payload: "" },
      "no payload" => { topic: "a" }, "a payload that is no String" => { topic: "a", payload: 1 },
      "an empty key" => { topic: "a", payload: "", key: "" },
      "a partition below any" => { topic: "a", payload: "", partition: -2 },
      "a timestamp that is none" => { topic: "a", payload: "", timestamp: "now" },
      "headers that are none" => { topic: "a", payload: "", headers: { a: "b" } },
      "headers with other values" => { topic: "a", payload: "", headers: { "a" => 1 } },
      "a payload that is too large" => { topic: "a", payload: "x" * 1_000_013 }
    }.each do |what, message|
      it "with #{what} are refused" do
        expect { producer.produce_sync(message) }.to raise_error(WaterDrop::Errors::MessageInvalidError)
      end
    end

    it "may have all there is" do
      message = { topic: "a", payload: "", key: "k", partition_key: "p", partition: -1, timestamp: Time.now,
                  headers: { "a" => "b", "c" => %w[d e] }, label: 1 }

      expect { producer.produce_sync(message) }.not_to raise_error
    end
  end

  describe "errors of the client" do
    let(:client_class) do
      Class.new(WaterDrop::Clients::Dummy) do
        attr_accessor :failures

        def produce(message)
          (code = failures.shift) ? raise(Rdkafka::RdkafkaError, code) : super
        end
      end
    end

    it "are the cause of ours" do
      producer.client.failures = [10]

      expect { producer.produce_sync(topic: "a", payload: "1") }.to raise_error(
        an_instance_of(WaterDrop::Errors::ProduceError)
          .and(have_attributes(cause: have_attributes(code: :msg_size_too_large)))
      )
      expect(events.last.payload).to include(
        type: "message.produce_sync", message: { topic: "a", payload: "1" },
        error: be_a(WaterDrop::Errors::ProduceError).and(have_attributes(cause: be_a(Rdkafka::RdkafkaError)))
      )
    end

    it "leave in the buffer what was not sent" do
      producer.client.failures = [nil, 10]
      producer.buffer_many(Array.new(3) { |i| { topic: "a", payload: i.to_s } })

      expect { producer.flush_sync }.to raise_error(WaterDrop::Errors::ProduceManyError)
      expect(producer.messages.map { |message| message[:payload] }).to eq(%w[1 2])
    end

    it "of many tell what was sent before" do
      producer.client.failures = [nil, 10]

      expect { producer.produce_many_async([{ topic: "a", payload: "1" }] * 3) }
        .to raise_error(WaterDrop::Errors::ProduceManyError) { |error| expect(error.dispatched.size).to eq(1) }
      expect(events.last[:error]).to be_a(WaterDrop::Errors::ProduceManyError)
      expect(events.last[:error].cause.code).to eq(:msg_size_too_large)
    end

    it "that say the queue is full are waited for", :timing do
      producer.client.failures = [-184, -184]
      producer.produce_sync(topic: "a", payload: "1")

      expect(events.select { |event| event.id == "error.occurred" }.size).to eq(2)
    end

    it "that say so too long are raised" do
      producer.client.failures = [-184] * 1_000

      expect { producer.produce_sync(topic: "a", payload: "1") }.to raise_error(WaterDrop::Errors::ProduceError)
    end
  end

  describe "life" do
    it "is set up once" do
      expect { producer.setup { nil } }.to raise_error(WaterDrop::Errors::ProducerAlreadyConfiguredError)
      expect { described_class.new.tap { |fresh| fresh.setup { |config| config.kafka = {} } } }
        .to raise_error(WaterDrop::Errors::ConfigurationInvalidError, /kafka/)
    end

    it "does not begin without setup" do
      expect { described_class.new.produce_sync(topic: "a", payload: "") }
        .to raise_error(WaterDrop::Errors::ProducerNotConfiguredError)
    end

    it "ends with close, once" do
      producer.produce_sync(topic: "a", payload: "")
      2.times { producer.close }

      expect(events.map(&:id).last(2)).to eq(%w[producer.closing producer.closed])
      expect { producer.produce_sync(topic: "a", payload: "") }.to raise_error(WaterDrop::Errors::ProducerClosedError)
    end

    it "ends without ever having connected" do
      producer.close

      expect(producer.status).to be_closed
      expect(events).to be_empty
    end

    it "does not go on in a child when it was used before the fork" do
      producer.produce_sync(topic: "a", payload: "")
      reader, writer = IO.pipe
      pid = fork do
        producer.produce_sync(topic: "a", payload: "")
      rescue WaterDrop::Errors::ProducerUsedInParentProcess
        writer.write("used")
      ensure
        exit!
      end
      writer.close
      Process.wait(pid)

      expect(reader.read).to eq("used")
    end
  end

  describe "buffer" do
    let(:messages) { Array.new(3) { |i| { topic: "a", payload: i.to_s } } }

    it "is sent by a flush" do
      producer.buffer(messages.first)
      expect(producer.buffer_many(messages.drop(1))).to eq(messages)
      expect(producer.flush_sync.map { |handle| handle.create_result.offset }).to eq([0, 1, 2])
      expect(producer.messages).to be_empty
      expect(producer.flush_async).to eq([])
      expect(events.map(&:id)).to eq(
        %w[message.buffered messages.buffered producer.connected messages.produced_sync buffer.flushed_sync]
      )
    end

    it "keeps all when one of them is invalid" do
      producer.buffer_many([*messages, { topic: "a" }])

      expect { producer.flush_async }.to raise_error(WaterDrop::Errors::MessageInvalidError)
      expect(producer.messages.size).to eq(4)
    end

    it "keeps nothing that was handed over, whatever a subscriber raises then" do
      %w[messages.produced_sync messages.produced_async].each do |event_id|
        producer.monitor.subscribe(event_id) { raise "no" }
      end
      %i[flush_sync flush_async].each do |flush|
        producer.buffer_many(messages)
        expect { producer.public_send(flush) }.to raise_error("no")
      end

      expect(producer.messages).to be_empty
      expect(producer.client.messages).to eq(messages * 2)
    end

    context "when the application interrupts a flush" do
      let(:client_class) do
        Class.new(WaterDrop::Clients::Buffered) do
          def produce(message) = message[:payload] == "1" ? raise(Timeout::Error) : super
        end
      end

      it "keeps what was not handed over" do
        producer.buffer_many(messages)

        expect { producer.flush_sync }.to raise_error(Timeout::Error)
        expect(producer.messages).to eq(messages.drop(1))
        expect(producer.client.messages).to eq(messages.take(1))
      end
    end

    it "is emptied by a purge" do
      producer.buffer_many(messages)
      producer.purge

      expect(producer.messages).to be_empty
      expect(events.last.id).to eq("buffer.purged")
    end

    it "is sent by a close, though nothing was before" do
      producer.buffer_many(messages)
      client = producer.client
      producer.close

      expect(client.messages).to eq(messages)
    end
  end

  describe "tombstones" do
    it "have no payload" do
      producer.tombstone_sync(topic: "a", key: "k", partition: 1)
      producer.tombstone_many_async([{ topic: "a", key: "l", partition: 2, payload: "x" }])

      expect(producer.client.messages).to match([include(key: "k", payload: nil), include(key: "l", payload: nil)])
    end

    it "need a key and a partition" do
      expect { producer.tombstone_async(topic: "a", key: "k") }
        .to raise_error(WaterDrop::Errors::MessageInvalidError, /partition/)
      expect { producer.tombstone_sync(topic: "a", partition: 0) }
        .to raise_error(WaterDrop::Errors::MessageInvalidError, /key/)
    end
  end

  it "knows what it can do" do
    expect(producer).to have_attributes(idempotent?: false, transactional?: false)
    producer.config.kafka[:"enable.idempotence"] = true
    expect(producer).to be_idempotent
  end

  it "is renewed with its settings, for a fork" do
    producer.produce_sync(topic: "a", payload: "1")
    renewed = producer.renewed

    expect(renewed).to have_attributes(config: producer.config, id: producer.id, inherited?: false)
    expect { renewed.produce_sync(topic: "a", payload: "2") }.to change { renewed.status.to_s }.to("connected")
    expect(renewed.client).not_to equal(producer.client)
    expect { described_class.new.renewed }.to raise_error(WaterDrop::Errors::ProducerNotConfiguredError)
  end

  it "prints no settings" do
    producer.config.kafka[:"sasl.password"] = "hunter2"

    expect(producer.inspect).not_to include("hunter2")
  end

  it "logs with its listener" do
    log = StringIO.new
    producer.monitor.subscribe(WaterDrop::Instrumentation::LoggerListener.new(Logger.new(log), log_messages: false))
    producer.produce_sync(topic: "a", payload: "")

    expect(log.string).to match(/\[waterdrop-\h+\] Sync producing of a message to 'a' topic took [\d.]+ ms/)
  end
end
