# frozen_string_literal: true

require "fileutils"
require "json"
require_relative "state_record/owner"

module Karafka
  module Embedded
    # A small file that says how this process is, for processes that look from outside and for the next one: a stop that
    # SIGKILL cut short left no other trace. It is replaced as a whole, never seen half written.
    #
    # Processes that share a path, such as the workers of a cluster, get a file each: the first takes the path, others
    # append their process id. Whoever starts clears away what the dead left, and reports those that ended without a
    # complete stop.
    #
    # @api private
    class StateRecord
      # Milliseconds until whoever else starts has looked at what is there
      LOCK_PATIENCE = 5_000
      private_constant :LOCK_PATIENCE

      # Stands where no path is configured
      NONE = Class.new do
        def run_begun = nil
        def note(_state) = nil
        def stop_begun(_state, _timeout) = nil
        def stop_ended(_state, _report) = nil
      end.new.freeze

      class << self
        # @param path [String, Pathname, nil] nil for none
        # @return [StateRecord, Object] {NONE} where there is no path, or it can't be written: that is no reason not to
        #   consume
        def open(path)
          path ? new(File.expand_path(path)) : NONE
        rescue SystemCallError, IOError => e
          Karafka.logger.error("Karafka::Embedded can't keep its state in #{path}: #{e.message}")
          NONE
        end

        private :new
      end

      # @return [String] where it is
      attr_reader :path

      # @param path [String]
      def initialize(path)
        @mutex = Mutex.new
        @told = { process_id: ::Process.pid, owner: Owner.of(::Process.pid), started_at: now }
        cut_short = locked(path) do
          clear_away(path).tap do
            @path = File.exist?(path) ? "#{path}.#{::Process.pid}" : path
            write(state: :starting)
          end
        end
        # Without the lock: subscribers take their time, and others wait to start
        cut_short.each { |told| report(told) }
      end

      # An engine starts, in the place of one that crashed: that one's end is not that of the process
      def run_begun
        return unless @told[:stop_began_at] || @told[:stop_ended_at]

        update(state: :starting, stop_began_at: nil, stop_timeout_ms: nil, stop_ended_at: nil, report: nil)
      end

      # @param state [Symbol] as it is now; one that is known is not written again
      def note(state)
        update(state: state) unless @told[:state] == state
      end

      # @param state [Symbol]
      # @param timeout [Integer] milliseconds
      def stop_begun(state, timeout)
        update(state: state, stop_began_at: now, stop_timeout_ms: timeout, stop_ended_at: nil, report: nil)
      end

      # @param state [Symbol]
      # @param report [StopReport]
      def stop_ended(state, report)
        update(state: state, stop_ended_at: now, report: report.to_h)
      end

      private

      def update(**changes)
        @mutex.synchronize { write(**changes) }
      rescue SystemCallError, IOError => e
        Karafka.logger.error("Karafka::Embedded can't keep its state in #{@path}: #{e.message}")
      end

      def write(**changes)
        @told = { **@told, **changes, at: now }
        draft = "#{@path}.draft.#{::Process.pid}"
        File.write(draft, JSON.generate(@told))
        File.rename(draft, @path)
      end

      def locked(path)
        File.open("#{path}.lock", File::CREAT | File::RDWR) do |lock|
          had = Wait.until(LOCK_PATIENCE) { lock.flock(File::LOCK_EX | File::LOCK_NB) }
          raise IOError, "another process has held #{lock.path} for #{LOCK_PATIENCE} ms" unless had

          yield
        end
      end

      # @return [Array<Hash>] of those that ended without a complete stop
      def clear_away(path)
        beside = Dir.glob("#{path}.*")
        # A draft is somebody's who lives and writes, or nobody's
        beside.grep(/\.draft\.(\d+)\z/) do |draft|
          FileUtils.rm_f(draft) unless Owner.alive?({ process_id: Regexp.last_match(1).to_i })
        end
        [path, *beside.grep(/\A#{Regexp.escape(path)}\.\d+\z/)].filter_map { |file| clear(file) }
      end

      def clear(file)
        told = read(file)
        return if told && Owner.alive?(told) && told[:process_id] != ::Process.pid

        FileUtils.rm_f(file)
        told if told && Owner.gone?(told) && told[:stop_ended_at].nil?
      end

      def read(file)
        told = JSON.parse(File.read(file), symbolize_names: true)
        told if told.is_a?(Hash) && told[:process_id].is_a?(Integer)
      rescue JSON::ParserError, Errno::ENOENT
        nil # Not of ours, or not there.
      end

      def report(told)
        error = EngineError.new(words(told))
        Karafka.logger.error("Karafka::Embedded #{error.message}")
        Instrumentation::ErrorReport.call(
          type: "state_record.cut_short.error", error: error, caller: self, record: told
        )
      end

      def words(told)
        again = "what its jobs had not marked is delivered again"
        began = told[:stop_began_at]
        return "process #{told[:process_id]} ended without a stop, it was #{told[:state]}: #{again}" unless began

        "the stop of process #{told[:process_id]}, begun at #{began} with #{told[:stop_timeout_ms]} ms, " \
          "was cut short: #{again}"
      end

      def now
        Time.now.utc.strftime("%FT%T.%LZ")
      end
    end
  end
end
