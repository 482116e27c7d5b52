# frozen_string_literal: true

# What the process holds
module Holdings
  # Threads of the engine and of librdkafka by their names
  NATIVE = /\A(rdk:|karafka\.(control|poll|producer))/
  private_constant :NATIVE

  # Newer Rubies have a thread for their timers
  OF_RUBY = 1
  private_constant :OF_RUBY

  module_function

  def now
    {
      threads: Thread.list.size, native_threads: tasks.grep(NATIVE).size,
      files: Dir.children("/proc/self/fd").size, **memory
    }
  end

  # Ruby keeps the native threads of ended ones for some seconds, for others. After those there is none but its own.
  def await_rest
    Program.eventually("the end of all other threads", within: 20) { tasks.size <= Thread.list.size + OF_RUBY }
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
