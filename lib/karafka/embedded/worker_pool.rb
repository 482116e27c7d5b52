# frozen_string_literal: true

module Karafka
  module Embedded
    # The workers. One that dies is replaced.
    class WorkerPool
      # @param runtime [Runtime]
      # @api private
      def initialize(runtime)
        @runtime = runtime
        @mutex = Mutex.new
        @workers = []
        @numbers = 0
        @target = 0
        @closed = false
      end

      # @return [Integer] how many workers there are to be
      def size
        @target
      end

      # @return [Integer, nil] how many were asked for last; it outlasts the pool
      # @api private
      attr_reader :wanted

      # Changes how many workers there are, until the engine stops. Fewer: the ones too many end after their job.
      # @param target [Integer] at least 1
      # @return [nil]
      # @example
      #   Karafka::Server.workers.scale(10)
      def scale(target)
        from, to = @mutex.synchronize do
          @wanted = [Integer(target), 1].max
          @closed ? [0, 0] : resize(@wanted)
        end
        announce(from, to) unless from == to
        nil
      end

      # Without the lock, which a signal handler could not have: a copy of the list is as good.
      # @return [Array<Worker>]
      def alive
        @workers.dup.select(&:alive?)
      end

      # @return [Boolean]
      def stopped?
        alive.empty?
      end

      # @return [Boolean] is the calling thread one of the workers
      # @api private
      def include_current?
        @workers.any?(&:current?)
      end

      # Makes up for workers that were lost, where no thread could be made in the place of one that died
      # @return [nil]
      # @raise [ThreadError] none can be made now either
      # @api private
      def replenish
        @mutex.synchronize { add while short? }
      end

      # Ends the pool: workers end by themselves once the engine has stopped, the others are killed at the deadline.
      # @param timeout [Numeric] milliseconds
      # @return [Integer] how many had to be killed
      # @api private
      def close(timeout)
        workers = @mutex.synchronize do
          @closed = true
          want(0)
          @workers.dup
        end
        deadline = Wait.now + timeout
        late = workers.reject { |worker| worker.join(deadline - Wait.now) }
        late.each(&:kill).size
      end

      private

      def resize(target)
        from = @target
        want(target)
        (target - from).times { add }
        # Those that were retired before may still be at their last job
        @workers.reject(&:retired?).last(from - target).each(&:retire) if target < from
        [from, target]
      end

      def want(target)
        @target = target
        @runtime.engine.want_workers(target)
      end

      def announce(from, to)
        Karafka.monitor.instrument(
          "worker.scaling.#{to > from ? "up" : "down"}", caller: self, workers_pool: self, from: from, to: to
        )
      rescue StandardError, ScriptError => e
        report(e)
      end

      # It is one of them before it begins: its first consumer may ask.
      def add
        worker = Worker.new(@numbers, @runtime, method(:exited))
        @workers << worker
        worker.start
        @numbers += 1
      ensure
        @workers.delete(worker) unless worker&.thread
      end

      def short?
        @workers.count { |worker| !worker.retired? } < @target && @runtime.live?
      end

      # Called by a worker's thread as its last act, whatever ended it
      def exited(worker)
        closed = @mutex.synchronize do
          @workers.delete(worker)
          @closed
        end
        replenish
        report(EngineError.new("the thread #{worker.name} was killed; another takes its place")) unless
          closed || worker.ended? || worker.retired?
      rescue ::ThreadError
        nil # The process ends, or has no threads left: the watchdog sees it, and tries again.
      rescue StandardError => e
        report(e)
      end

      def report(error)
        Instrumentation::ErrorReport.call(type: "runner.call.error", error: error, caller: self)
      end
    end
  end
end
