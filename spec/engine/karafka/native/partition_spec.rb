# frozen_string_literal: true

RSpec.describe "Karafka::Native::Partition" do
  let(:topic) { create_topic("orders") }
  let(:seen) { Queue.new }

  # Starts an application whose first batch, all the messages of the topic, is consumed by the block
  # @yieldparam partition [Karafka::Native::Partition]
  # @yieldparam messages [Karafka::Messages::Messages]
  # @return [Array] what the block returned, and the partition
  def in_first_job(**kafka, &work)
    answers = Queue.new
    batches = seen
    # The end of the partition ends the wait: the first batch has all messages, and has them soon
    setup_embedded(bootstrap, kafka: { "enable.partition.eof": true, **kafka }) do |config|
      config.max_wait_time = 9_000
    end
    feed(topic, %w[0 1 2 3 4])
    once = [work]
    route(topic, consumer_class do
      batches << messages.map(&:offset)
      work = once.pop
      answers << [work.call(coordinator, messages), coordinator] if work
    end)
    Karafka::Embedded.start
    eventually("the first job") { answers.size == 1 }
    answers.pop
  end

  def place(offset)
    Karafka::Messages::Seek.new(topic, 0, offset)
  end

  it "goes on where it is told to, and knows where that is" do
    positions, = in_first_job do |partition|
      [partition.position, partition.seek(2), partition.position, partition.forget_seek_offset, partition.seek_offset]
    end

    expect(positions).to eq([5, true, 2, nil, nil])
    eventually("the second batch") { seen.size == 2 }
    expect(Array.new(2) { seen.pop }).to eq([[0, 1, 2, 3, 4], [2, 3, 4]])
  end

  it "waits until it is resumed" do
    answers, partition = in_first_job { |one| [one.paused?, one.pause(4, nil), one.paused?] }

    expect(answers).to eq([false, true, true])
    eventually("the end of the job") { Karafka::Embedded.health.dig(:groups, 0, :running).to_a.empty? }
    expect([seen.size, partition.stored_offset]).to eq([1, nil])
    expect([partition.resume, partition.paused?]).to eq([true, false])
    eventually("the second batch") { seen.size == 2 }
  end

  it "refuses what is no offset" do
    errors, = in_first_job do |partition|
      [-> { partition.seek(-3) }, -> { partition.pause(-1, nil) }].map do |call|
        call.call
      rescue ArgumentError => e
        e.message
      end
    end

    expect(errors).to all(include("is no offset"))
  end

  it "marks where a message says that it is, whatever it is made of" do
    known, = in_first_job do |partition, messages|
      read, moved = messages.to_a
      moved.metadata.offset = 2
      built = Karafka::Messages::Message.new("3", moved.metadata.dup.tap { |metadata| metadata.offset = 3 })
      [read, moved, built, place(4)].map { |message| [partition.mark(message), partition.seek_offset] }
    end

    expect(known).to eq([[true, 1], [true, 3], [true, 4], [true, 5]])
  end

  it "refuses to mark what has no offset" do
    told, = in_first_job do |partition|
      classes = [nil, place(nil), place("1")].product(%i[mark mark!]).map do |message, name|
        partition.public_send(name, message)
      rescue NoMethodError, TypeError => e
        e.class
      end
      [*classes, partition.seek_offset]
    end

    expect(told).to eq([NoMethodError, NoMethodError, *([TypeError] * 4), 0])
  end

  it "commits what was marked, at once or in the background, and knows the ends" do
    answers, = in_first_job("auto.commit.interval.ms": 3_600_000) do |partition|
      partition.mark(place(1))
      [partition.commit, partition.commit!, partition.stored_offset, partition.watermarks]
    end

    expect(answers).to eq([true, true, 2, [0, 5]])
  end

  it "answers false, and does nothing, when it is another's" do
    _, partition = in_first_job { nil }
    Karafka::Embedded.stop

    answers = [partition.mark(place(4)), partition.mark!(place(4)), partition.commit, partition.commit!,
               partition.pause(nil, 10), partition.resume, partition.seek(0)]
    expect(answers).to eq([false] * 7)
    expect([partition.revoked?, partition.paused?, partition.watermarks]).to eq([true, false, nil])
  end
end
