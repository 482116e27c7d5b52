# frozen_string_literal: true

# What the engine hands out, without an engine: the public side of Karafka::Native
module FakeNative
  Record = Struct.new(:offset, :payload, :key, :headers, :timestamp_ms, keyword_init: true)

  class Batch
    attr_reader :received_at_ms, :reads
    attr_accessor :origin

    def initialize(records, received_at_ms: 1_700_000_000_500)
      @records = records
      @received_at_ms = received_at_ms
      @reads = Hash.new(0)
    end

    def size
      @records.size
    end

    def first_offset
      @records.first.offset
    end

    def last_offset
      @records.last.offset
    end

    def timestamp_ms(_offset)
      1_700_000_000_000
    end

    def messages(klass)
      @reads[:messages] += 1
      Array.new(size) { |index| message(klass, index) }
    end

    def message(klass, index)
      metadata = metadata_of(@records[index])
      klass.new(@records[index].payload&.b, metadata).tap { |message| metadata.message = message }
    end

    private

    def metadata_of(record)
      milliseconds = record.timestamp_ms || timestamp_ms(record.offset)
      Karafka::Messages::Metadata.new(
        offset: record.offset, timestamp: Time.at(0, milliseconds, :millisecond), raw_key: record.key&.b,
        raw_headers: (record.headers || {}).freeze, topic: origin.topic, partition: origin.partition,
        received_at: origin.received_at, deserializers: origin.deserializers
      )
    end
  end

  class Partition
    include Karafka::Processing::Coordinator

    attr_reader :topic, :partition, :marks, :calls
    attr_accessor :seek_offset, :attempt, :lost, :offsets_of_times

    def initialize(topic: "orders", partition: 0)
      @topic = topic
      @partition = partition
      @attempt = 1
      @marks = []
      @calls = []
      @offsets_of_times = {}
    end

    def revoked?
      lost ? true : false
    end

    def mark(message)
      @marks << message.offset
      @seek_offset = message.offset + 1 unless @forgotten # As marks count for nothing then
      !revoked?
    end

    alias mark! mark

    %i[pause resume seek commit commit!].each do |name|
      define_method(name) do |*arguments|
        @calls << [name, *arguments]
        !revoked?
      end
    end

    def forget_seek_offset
      @seek_offset = nil
      @forgotten = true
    end

    def reset_attempts
      @attempt = 1
    end

    def offset_for_time(milliseconds, _timeout)
      @offsets_of_times[milliseconds]
    end
  end

  class Lease
    attr_reader :kind, :partition, :assignment, :batch, :outcomes
    attr_accessor :on_outcome, :eof

    def initialize(kind:, partition:, assignment: 1, batch: nil)
      @kind = kind
      @partition = partition
      @assignment = assignment
      @batch = batch
      @outcomes = []
    end

    def size
      batch.size
    end

    def succeed
      acknowledge(:succeed)
    end

    def fail
      acknowledge(:fail)
      2_000
    end

    def postpone
      acknowledge(:postpone)
      2_000
    end

    def dead_letter(offset)
      acknowledge([:dead_letter, offset])
      1_000
    end

    def eof?
      eof ? true : false
    end

    private

    def acknowledge(outcome)
      @outcomes << outcome
      on_outcome&.call(outcome)
    end
  end

  # Runs a lease as a runtime does
  # @param executors [Karafka::Processing::Executors]
  # @param lease [Lease]
  # @param topic [Karafka::Routing::Topic]
  def work_on(executors, lease, topic, client: nil, worker: nil)
    executors.call(lease, worker: worker) do
      Karafka::Processing::Executor.new(lease.partition, topic, topic.subscription_group, client)
    end
  end

  def batch_of(*payloads, first_offset: 10)
    Batch.new(payloads.each_with_index.map { |one, index| Record.new(offset: first_offset + index, payload: one) })
  end
end

RSpec.configure { |config| config.include FakeNative }
