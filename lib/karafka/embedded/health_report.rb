# frozen_string_literal: true

module Karafka
  module Embedded
    # What {Embedded.health} tells
    #
    # @api private
    module HealthReport
      class << self
        # @param runtime [Runtime]
        # @param told [Hash] by the engine
        # @param policy [CrashPolicy]
        # @return [Hash{Symbol => Object}]
        def of(runtime, told, policy)
          state = runtime.state
          incidents = runtime.incidents.to_a
          stalls = runtime.watchdog.stalls
          reasons = reasons(incidents, stalls, state, told[:groups])
          {
            state: state, healthy: reasons.empty?, process_id: ::Process.pid, reasons: reasons,
            restarts: policy.restarts, next_restart_in_ms: policy.next_restart_in,
            crashes: incidents.map(&:to_h), stalls: stalls.map(&:to_h),
            workers: { size: runtime.pool.size, alive: runtime.pool.alive.size, idle: told[:idle_workers] },
            groups: told[:groups], ready_partitions: told[:ready_partitions], dropped_events: told[:dropped_events],
            pacing: told[:pacing]
          }
        end

        # @param policy [CrashPolicy]
        # @return [Hash{Symbol => Object}] of a process in which nothing was started
        def stopped(policy)
          {
            state: :stopped, healthy: false, process_id: ::Process.pid, reasons: ["stopped"],
            restarts: policy.restarts, crashes: [], stalls: [], groups: []
          }
        end

        private

        def reasons(incidents, stalls, state, groups)
          reasons = incidents.map(&:message)
          reasons |= groups.filter_map { |group| group[:critical_error] }
          reasons |= stalls.reject(&:passing?).map(&:message)
          reasons << state.to_s unless state == :running
          groups.reject { |group| group[:connected] }.each do |group|
            reasons << "#{group[:id]}: not connected#{": #{group[:last_error]}" if group[:last_error]}"
          end
          reasons
        end
      end
    end
  end
end
