# frozen_string_literal: true

RSpec.describe "Starting and stopping again and again in one process, with messages flowing" do
  let(:cycles) { Acceptance.size(full: 100, short: 30) }
  let(:topic) { KafkaServer.create_topic("visits", partitions: 4) }

  # Keeps messages coming while the block runs, at a pace that leaves no backlog: how much of one a cycle would read
  # before its end, and so its memory, is chance
  def flow
    flowing = true
    payloads = Array.new(50) { "x" * 200 }
    feeding = Thread.new do
      Feed.open(KafkaServer.bootstrap) do |feed|
        while flowing
          feed.send(topic, payloads)
          sleep(0.005)
        end
      end
    end
    yield
  ensure
    flowing = false
    feeding.join
  end

  def holdings
    ChildProcess.open(:cycles, bootstrap: KafkaServer.bootstrap, topic: topic, group: unique("group"),
                               cycles: cycles) do |child|
      Array.new(cycles) { child.await(:cycle, within: 60) }.tap { child.await(:done) }
    end
  end

  def median(cycles, what)
    values = cycles.map { |cycle| cycle[what] }.sort
    values[values.size / 2]
  end

  it "returns threads and file descriptors each time, and doesn't grow" do
    all = flow { holdings }
    early = all[10, 10]
    late = all.last(10)
    growth_kb = median(late, :own_kb) - median(early, :own_kb)
    Acceptance.note("#{cycles} cycles: #{all.last}; grown by #{growth_kb} kB of #{median(early, :rss_kb)} kB")

    expect(all.map { |cycle| cycle[:clean] }).to all(be(true))
    %i[threads native_threads files].each do |what|
      expect(all.drop(2).map { |cycle| cycle[what] }.uniq.size).to eq(1), "#{what}: #{all.map { |cycle| cycle[what] }}"
    end
    expect(median(late, :tasks)).to be <= median(early, :tasks) + 1
    # Of the memory that is the process's own: how many pages of files count as resident is up to the kernel
    expect(growth_kb).to be < median(early, :rss_kb) / 10
  end
end
