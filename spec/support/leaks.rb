# frozen_string_literal: true

# Whether a process that does the same thing again and again keeps something each time
module Leaks
  # For the process. glibc gives a new thread any of its arenas, sixteen on two cores, and each of them keeps what the
  # greediest thread that it ever served has freed: for a hundred cycles more and more, and how much is chance.
  ENVIRONMENT = { "MALLOC_ARENA_MAX" => "2" }.freeze

  # Keeps messages coming while the block runs, at a pace that leaves no backlog: how much of one a cycle would read
  # before its end, and so its memory, is chance
  # @param topic [String]
  def flow(topic)
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

  # @param cycles [Array<Hash>] what the process held after each
  def expect_no_growth(cycles)
    early = cycles[10, 10]
    late = cycles.last(10)
    growth_kb = median(late, :own_kb) - median(early, :own_kb)
    Acceptance.note("#{cycles.size} cycles: #{cycles.last}; grown by #{growth_kb} kB of #{median(early, :rss_kb)} kB")

    %i[threads native_threads files].each do |what|
      seen = cycles.drop(2).map { |cycle| cycle[what] }
      expect(seen.uniq.size).to eq(1), "#{what}: #{seen}"
    end
    # Of the memory that is the process's own: how many pages of files count as resident is up to the kernel
    expect(growth_kb).to be < median(early, :rss_kb) / 10
  end

  # @return [Integer]
  def median(cycles, what)
    values = cycles.map { |cycle| cycle[what] }.sort
    values[values.size / 2]
  end
end
