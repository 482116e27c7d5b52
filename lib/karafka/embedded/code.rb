# frozen_string_literal: true

module Karafka
  module Embedded
    # How the application's code is run. This one stands for a program whose code stays as it was loaded; a framework
    # that reloads code, or has to be told when its code runs, puts its own in the place: `config.internal.code`.
    #
    # @api private
    class Code
      # Runs a job of a worker
      # @param _action [Symbol] :consume, :revoked, :shutdown, …
      # @yield the job
      # @return [Object] what the block returned
      # @raise [Exception] what loading code raised; then the block did not run
      def call(_action)
        yield
      end

      # Runs code of the application that is not a job: the search for consumers at start, subscribers of events
      # @yield the code
      # @return [Object] what the block returned
      def enter
        yield
      end

      # Waits for workers
      # @yield the wait
      # @return [Object] what the block returned
      def wait
        yield
      end

      # @return [Boolean] may a constant lead to another class than before
      def reloads?
        false
      end
    end
  end
end
