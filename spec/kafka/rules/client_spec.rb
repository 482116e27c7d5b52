# frozen_string_literal: true

# What a consumer can ask its connection, and read about its partition
RSpec.describe "A consumer's connection" do
  it "is asked by the consumer, for ends, commits and times" do
    told = {}
    consuming do
      mark_as_consumed!(messages.last)
      told[:name] = client.name
      told[:lost] = client.assignment_lost?
      told[:ends] = client.query_watermark_offsets(topic.name, partition)
      told[:committed] = client.committed.to_h
      wanted = [:earliest, :latest, :max_timestamp, 0].map { |offset| { partition: partition, offset: offset } }
      told[:offsets] = client.read_partition_offsets(topic.name => wanted)
    end
    eventually("answers") { told.key?(:offsets) || errors.any? }

    expect(errors).to be_empty
    expect(told).to include(name: match(/\Aspec#consumer-\d+\z/), lost: false, ends: [0, 3])
    expect(told[:committed]).to eq(topic => [Rdkafka::Consumer::Partition.new(0, 3)])
    expect(told[:offsets].map { |one| one.values_at(:topic, :partition) }.uniq).to eq([[topic, 0]])
    expect(told[:offsets].map { |one| one[:offset] }).to match([0, 3, be_between(0, 2), 0])
  end

  it "commits for all of its consumers" do
    answers = []
    consuming(partitions: 2, options: proc { manual_offset_management(true) },
              kafka: { "enable.auto.commit": false }) do
      mark_as_consumed(messages.last)
      answers << client
    end
    feed(topic, %w[x], partition: 1)
    eventually("marks") { answers.size == 2 && events_of("worker.completed").size == 2 }

    expect(answers.uniq.size).to eq(1)
    expect(answers.first.commit_offsets!).to be(true)
    expect([committed, committed(partition: 1)]).to eq([3, 1])
  end

  it "tells an interested consumer the statistics of its partition" do
    told = []
    consuming(options: proc { inline_insights(true) }, kafka: { "statistics.interval.ms": 50 }) do
      told << insights
      pause(0, 50) unless insights["hi_offset"] == 3
    end

    eventually("statistics") { told.last&.fetch("hi_offset", nil) == 3 }
    expect(told.last).to include("partition" => 0, "lo_offset" => 0)
  end
end
