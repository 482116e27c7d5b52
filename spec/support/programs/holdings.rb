# frozen_string_literal: true

# What the process holds
module Holdings
  # Threads of the engine and of librdkafka by their names. Ruby keeps ended native threads of its own for a minute.
  NATIVE = /\A(rdk:|karafka\.(control|poll|producer))/
  private_constant :NATIVE

  module_function

  def now
    {
      threads: Thread.list.size, tasks: tasks.size, native_threads: tasks.grep(NATIVE).size,
      files: Dir.children("/proc/self/fd").size, **memory
    }
  end

  def memory
    status = File.read("/proc/self/status")
    { rss_kb: status[/^VmRSS:\s+(\d+)/, 1].to_i, own_kb: status[/^RssAnon:\s+(\d+)/, 1].to_i }
  end

  def tasks
    Dir.glob("/proc/self/task/*/comm").filter_map do |file|
      File.read(file).chomp
    rescue Errno::ENOENT, Errno::ESRCH
      nil # It ended in between.
    end
  end
end
