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
    private_constant :ORDER, :DONE

    STATES.each do |state, transition|
      define_method(:"#{state}?") { @status == state }
      define_method(transition) { advance_to(state) }
    end

    def initialize
      @mutex = Mutex.new
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
      moved = @mutex.synchronize do
        next false if ORDER.fetch(state) <= ORDER.fetch(@status)

        @status = state
        true
      end
      tell(state) if moved
    rescue StandardError, ScriptError => e
      raise if ORDER.fetch(state) <= ORDER.fetch(:initialized)

      Instrumentation::ErrorReport.call(type: "runner.call.error", error: e, caller: self)
    end

    def tell(state)
      Karafka.monitor.instrument("app.#{state}", caller: self, server_id: Server.id)
    end
  end
end
