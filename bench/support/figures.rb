# frozen_string_literal: true

module Bench
  # Clocks, what the kernel says of this process, and the few statistics the benches need
  module Figures
    module_function

    # @return [Float] seconds
    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

    # @return [Float] seconds of CPU that this process has used
    def cpu = Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID)

    # @param process [Integer] id
    # @return [Float] seconds of CPU that its threads have used
    def cpu_of(process)
      Dir["/proc/#{process}/task/*/schedstat"].sum { |path| File.read(path).to_i } / 1e9
    end

    # @return [Float]
    def rss_mb = status("VmRSS") / 1024.0

    # @return [Float]
    def peak_rss_mb = status("VmHWM") / 1024.0

    # @return [Integer] threads of all kinds
    def threads = status("Threads")

    def status(name) = File.read("/proc/self/status")[/^#{name}:\s+(\d+)/, 1].to_i

    # @return [Boolean] does Ruby compile what runs often
    def jit? = defined?(RubyVM::YJIT) ? RubyVM::YJIT.enabled? : false

    def median(values) = percentile(values, 50)

    # @param runs [Array<Hash{Symbol => Numeric}>] the same figures of each
    # @return [Hash{Symbol => Numeric}] of each figure the median
    def medians(runs)
      runs.first.keys.to_h { |key| [key, median(runs.map { |run| run[key] })] }
    end

    # @return [Numeric] the nearest rank
    def percentile(values, percent)
      sorted = values.sort
      sorted[((sorted.size * percent / 100.0).ceil - 1).clamp(0, sorted.size - 1)]
    end

    # @param values [Array<Float>] milliseconds
    # @return [Hash{Symbol => Float}]
    def latencies(values)
      { p50_ms: percentile(values, 50), p99_ms: percentile(values, 99), max_ms: values.max }
    end
  end
end
