# frozen_string_literal: true

module Karafka
  module Embedded
    class Watchdog
      # What is looked at
      #
      # @api private
      class Checks
        # librdkafka's own
        MAX_POLL_INTERVAL = 300_000
        # The engine's threads come round once a second when they have nothing to do
        SHORTEST_STALL = 2_000
        WATCHED = %w[running quieting quiet].freeze
        private_constant :MAX_POLL_INTERVAL, :SHORTEST_STALL, :WATCHED

        # @param runtime [Runtime]
        # @param stopwatch [Stopwatch]
        def initialize(runtime, stopwatch)
          @runtime = runtime
          @stopwatch = stopwatch
          @limit = [App.config.embedded.stall_timeout, SHORTEST_STALL].max
          @poll_intervals = runtime.plan.subscription_groups.to_h do |group|
            [group.id, Integer(group.kafka.fetch(:"max.poll.interval.ms", MAX_POLL_INTERVAL))]
          end
        end

        # @param pulse [Hash] as the engine tells it
        # @return [Hash{Array => Proc}] what stands still, with what makes a {Stall} of it
        def call(pulse)
          @stopwatch.look
          return {} unless WATCHED.include?(pulse[:state])

          jobs = pulse[:groups].flat_map { |group| group[:running] }
          [*engine_threads(pulse), *dispatcher, *late_jobs(jobs), *pool(pulse, jobs)].to_h
        end

        private

        # ---- the engine ----------------------------------------------------------------------------------------------

        def engine_threads(pulse)
          beats = { "karafka.control" => pulse[:control_turns] }
          pulse[:groups].each_with_index { |group, index| beats["karafka.poll##{index}"] = group[:poll_turns] }
          beats.compact.filter_map { |name, turns| still([:thread, name], turns) { stuck(name) } }
        end

        def stuck(name)
          Stall.new([:thread, name], :critical, "the thread #{name} of the engine is stuck")
        end

        def dispatcher
          key = [:thread, "karafka.embedded"]
          stall = still(key, @runtime.dispatcher.turns) do
            Stall.new(key, :warning, "a subscriber of Karafka.monitor keeps the thread karafka.embedded",
                      threads: [@runtime.thread])
          end
          [stall].compact
        end

        # ---- the work ------------------------------------------------------------------------------------------------

        def late_jobs(jobs)
          jobs.filter_map do |job|
            key = identity(job)
            limit = @poll_intervals.fetch(job[:group])
            still(key, :running, limit) { late(key, job, limit) }
          end
        end

        # A batch that is tried again is another job
        def identity(job)
          [:job, *job.values_at(:group, :topic, :partition, :job, :since_us)]
        end

        def late(key, job, limit)
          worker = @runtime.pool.alive.find { |one| one.works_on?(job[:topic], job[:partition]) }
          offsets = job[:first_offset] ? ", offsets #{job[:first_offset]}..#{job[:last_offset]}" : ""
          Stall.new(
            key, :unhealthy, "#{job[:job]} of #{job[:topic]}/#{job[:partition]}#{offsets} runs longer than " \
                             "max.poll.interval.ms (#{limit} ms): others may have its partition",
            threads: [worker&.thread].compact
          )
        end

        def pool(pulse, jobs)
          alive = @runtime.pool.alive
          [busy(pulse, jobs, alive), dead(alive)].compact
        end

        def busy(pulse, jobs, alive)
          waiting = pulse[:ready_partitions]
          return unless waiting.positive? && pulse[:idle_workers].zero?

          still(%i[pool busy], jobs.map { |job| identity(job) }) { no_progress(alive, waiting) }
        end

        def dead(alive)
          missing = @runtime.pool.size - alive.size
          still(%i[pool dead], missing) { missing(missing, alive) } if missing.positive?
        end

        def no_progress(alive, waiting)
          Stall.new(%i[pool busy], :warning,
                    "no worker has ended its job for #{@limit} ms, and #{waiting} partitions wait for one",
                    threads: alive.map(&:thread))
        end

        def missing(dead, alive)
          severity = alive.empty? ? :unhealthy : :warning
          Stall.new(%i[pool dead], severity, "#{dead} of #{@runtime.pool.size} workers are dead")
        end

        # @return [Array, nil] key and maker, when the sign of life is too old
        def still(key, sign, limit = @limit, &make)
          [key, make] if @stopwatch.same_for(key, sign) >= limit
        end
      end
    end
  end
end
