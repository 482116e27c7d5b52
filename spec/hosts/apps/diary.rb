# frozen_string_literal: true

# What a process under test did, in files of its own. Lines are appended by one system call: a kill leaves whole ones.
module Diary
  DIRECTORY = ENV.fetch("APP_DIRECTORY")

  module_function

  # @param kind [Symbol] first part of the file's name; the process id is the second
  def write(kind, *lines)
    File.open(File.join(DIRECTORY, "#{kind}.#{Process.pid}"), File::WRONLY | File::APPEND | File::CREAT) do |file|
      file.syswrite("#{lines.join("\n")}\n")
    end
  end

  # @return [Integer] milliseconds of a clock that all processes share
  def now
    Process.clock_gettime(Process::CLOCK_MONOTONIC, :millisecond)
  end
end
