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

    def offset(index)
      @records[index].offset
    end

    def timestamp_ms(index)
      @records[index].timestamp_ms || 1_700_000_000_000
    end

    def raw_payload(index)
      @reads[:raw_payload] += 1
      @records[index].payload&.b
    end

    def raw_key(index)
      @records[index].key&.b
    end

    def raw_headers(index)
      (@records[index].headers || {}).freeze
    end

    def messages(klass)
      @reads[:messages] += 1
      Array.new(size) { |index| message(klass, index) }
    end

    def message(klass, index)
      batch = self
      klass.allocate.tap do |message|
        { :@batch => batch, :@index => index }.each do |name, value|
          message.instance_variable_set(name, value)
        end
      end
    end
  end

  class Partition
    attr_reader :topic, :partition, :marks
    attr_accessor :seek_offset, :attempt, :lost

    def initialize(topic: "orders", partition: 0)
      @topic = topic
      @partition = partition
      @attempt = 1
      @marks = []
    end

    def revoked?
      lost ? true : false
    end

    def mark(offset)
      @marks << offset
      @seek_offset = offset + 1
      !revoked?
    end

    alias mark! mark
  end

  class Lease
    attr_reader :kind, :partition, :assignment, :batch, :outcomes
    attr_accessor :on_outcome

    def initialize(kind:, partition:, assignment: 1, batch: nil)
      @kind = kind
      @partition = partition
      @assignment = assignment
      @batch = batch
      @outcomes = []
    end

    def succeed
      acknowledge(:succeed)
    end

    def fail
      acknowledge(:fail)
      2_000
    end

    private

    def acknowledge(outcome)
      @outcomes << outcome
      on_outcome&.call(outcome)
    end
  end

  def batch_of(*payloads, first_offset: 10)
    Batch.new(payloads.each_with_index.map { |one, index| Record.new(offset: first_offset + index, payload: one) })
  end
end

RSpec.configure { |config| config.include FakeNative }
