# frozen_string_literal: true

require "fileutils"
require "logger"

module Karafka
  module Instrumentation
    # Logs to standard output and, where that is possible, to `log/ENVIRONMENT.log`
    class Logger < ::Logger
      LEVELS = {
        "production" => ::Logger::ERROR,
        "test" => ::Logger::ERROR,
        "development" => ::Logger::INFO,
        "debug" => ::Logger::DEBUG
      }.freeze
      private_constant :LEVELS

      # Writes each line to several devices
      class Fanout
        # @param devices [Array<IO>]
        def initialize(*devices)
          @devices = devices
        end

        # @param line [String]
        def write(line)
          @devices.each { |device| device.write(line) }
        end

        # Standard output stays open: it is not ours
        def close
          @devices.each { |device| device.close unless device.equal?($stdout) }
        end
      end
      private_constant :Fanout

      def initialize(*)
        super(Fanout.new(*[$stdout, log_file].compact))
        self.level = LEVELS.fetch(Karafka.env, ::Logger::INFO)
      end

      private

      # A container with a read-only file system logs to standard output alone
      def log_file
        path = Karafka.root.join("log", "#{Karafka.env}.log")
        FileUtils.mkdir_p(path.dirname)
        path.open("a").tap { |file| file.sync = true }
      rescue Errno::EACCES, Errno::EROFS
        nil
      end
    end
  end
end
