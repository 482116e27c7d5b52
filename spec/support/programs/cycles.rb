# frozen_string_literal: true

# Starts and stops with messages flowing, again and again, and tells what the process holds after each cycle

require_relative "prelude"

# Consumes, and reads what it gets
class Reader < Karafka::BaseConsumer
  class << self
    attr_accessor :count
  end
  self.count = 0

  def consume
    messages.each(&:raw_payload)
    self.class.count += messages.size
  end
end

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

Program.setup
Program.route(Program::OPTIONS.fetch(:topic), Reader)

Program::OPTIONS.fetch(:cycles).times do
  before = Reader.count
  Karafka::Embedded.start
  Program.eventually("consumption", within: 60) { Reader.count > before + 100 }
  clean = Karafka::Embedded.stop.clean?
  GC.start
  Program.tell(:cycle, clean: clean, **Holdings.now)
end
Program.tell(:done)
