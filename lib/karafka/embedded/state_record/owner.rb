# frozen_string_literal: true

module Karafka
  module Embedded
    class StateRecord
      # Which process a record is of. A process id says little: it is used again, and is 1 in each container.
      #
      # @api private
      module Owner
        BOOT = "/proc/sys/kernel/random/boot_id"
        # Of /proc/PID/stat behind the name of the program
        START_TIME = 19
        private_constant :BOOT, :START_TIME

        class << self
          # @param process_id [Integer]
          # @return [String, nil] what no other process has; nil where there is no such process, or no /proc
          def of(process_id)
            started = File.read("/proc/#{process_id}/stat").rpartition(") ").last.split[START_TIME]
            "#{File.read(BOOT).strip}/#{started}"
          rescue SystemCallError
            nil
          end

          # @param told [Hash] a record
          # @return [Boolean] does its process live
          def alive?(told)
            return of(told[:process_id]) == told[:owner] if told[:owner]

            ::Process.kill(0, told[:process_id])
            true
          rescue Errno::EPERM
            true
          rescue Errno::ESRCH
            false
          end

          # @param told [Hash] a record
          # @return [Boolean]
          def gone?(told)
            !alive?(told)
          end
        end
      end
    end
  end
end
