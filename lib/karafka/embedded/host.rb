# frozen_string_literal: true

module Karafka
  module Embedded
    # The process that consumers live in, as far as they have to know it: how long it waits for them when it ends, and
    # how it is asked to end. This one stands for any program; {Hosts} has the ones that are known better.
    #
    # @api private
    class Host
      # @return [Symbol] :process, :puma, :sidekiq, :passenger or :unicorn
      attr_reader :name

      # @param name [Symbol]
      # @param stop_signal [String] what the host ends gracefully on
      # @param threads [#call, nil] answers how many threads the host runs the application's code with
      # @param forks [#call, nil] answers whether this process only forks those that serve
      # @yieldreturn [Numeric, nil] milliseconds from the begin of the host's end to the moment when it is killed; nil
      #   where nobody says
      def initialize(name = :process, stop_signal: "TERM", threads: nil, forks: nil, &shutdown_timeout)
        @name = name
        @stop_signal = stop_signal
        @threads = threads
        @forks = forks
        @shutdown_timeout = shutdown_timeout
      end

      # Asked each time: the host may be configured after us
      # @return [Integer, nil] milliseconds; nil where nobody says
      def shutdown_timeout
        @shutdown_timeout&.call&.to_i
      end

      # @return [Integer, nil] threads of the host that run the application's code; nil where nobody says
      def threads
        @threads&.call&.to_i
      end

      # @return [Boolean] is this process only there to fork those that serve, as far as is known
      def forks?
        @forks&.call || false
      end

      # Asks the host to end this process in its own graceful way. Returns at once: the host calls {Embedded.stop} on
      # its way. Puma's master puts a new worker in the place of this one; whoever watches the process does elsewhere.
      # TERM ends a program that does not handle it like an exception on its main thread: `ensure` and `at_exit` run.
      # @return [nil]
      def stop
        ::Process.kill(@stop_signal, ::Process.pid)
        nil
      end

      # The host has begun to end: from here on its patience counts
      # @return [nil]
      def ending
        @ending_since ||= Wait.now
        nil
      end

      # The host serves, again or in a fork
      # @return [nil]
      def serving
        @ending_since = nil
      end

      # @return [Numeric, nil] milliseconds until the host is killed if it ended now; nil where nobody says
      def patience
        limit = shutdown_timeout
        return limit unless limit && @ending_since

        [limit - (Wait.now - @ending_since), 0].max
      end

      # @return [String]
      def inspect
        "#<#{self.class} #{name}>"
      end
    end
  end
end
