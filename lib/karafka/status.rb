# frozen_string_literal: true

module Karafka
  # Where the framework is in its life. States only follow one another; a move to the same or an earlier one is ignored.
  class Status
    # States in their order, with the method that moves into each
    STATES = {
      initializing: :initialize!,
      initialized: :initialized!,
      supervising: :supervise!,
      running: :run!,
      quieting: :quiet!,
      quiet: :quieted!,
      stopping: :stop!,
      stopped: :stopped!,
      terminated: :terminate!
    }.freeze

    ORDER = STATES.keys.each_with_index.to_h.freeze
    DONE = %i[quieting quiet stopping stopped terminated].freeze
    # Longest wait for another thread's subscribers, in seconds
    PATIENCE = 1
    private_constant :ORDER, :DONE, :PATIENCE

    STATES.each do |state, transition|
      define_method(:"#{state}?") { @status == state }
      define_method(transition) { advance_to(state) }
    end

    def initialize
      @mutex = Mutex.new
      @told = ConditionVariable.new
      @status = :initializing
    end

    # @return [Boolean] was the end of work begun, whatever is left of it
    def done?
      DONE.include?(@status)
    end

    # @return [Symbol] the state
    def to_sym
      @status
    end

    # @return [String] the state
    def to_s
      @status.to_s
    end

    # Goes back to the state after `setup`, as at the start of another run in the same process. Nothing is emitted.
    # @api private
    def reset!
      @mutex.synchronize { @status = :initialized }
    end

    private

    # The event is emitted outside of the lock: its subscribers may ask for the state or move it on. From `setup` a
    # subscriber's error goes to who called it; a run does not end, or fail to, because of one.
    def advance_to(state)
      tell(state) if @mutex.synchronize { move(state) }
    rescue StandardError, ScriptError => e
      raise if ORDER.fetch(state) <= ORDER.fetch(:initialized)

      Instrumentation::ErrorReport.call(type: "runner.call.error", error: e, caller: self)
    end

    # @return [Boolean] is it news; else whoever told of it has done so: what follows a state is told after it
    def move(state)
      if ORDER.fetch(state) > ORDER.fetch(@status)
        @status = state
        @teller = Thread.current
        return true
      end

      @told.wait(@mutex, PATIENCE) if @teller&.alive? && !@teller.equal?(Thread.current)
      false
    end

    def tell(state)
      Karafka.monitor.instrument("app.#{state}", caller: self, server_id: Server.id)
    ensure
      @mutex.synchronize do
        @teller = nil if @teller.equal?(Thread.current)
        @told.broadcast
      end
    end
  end
end
