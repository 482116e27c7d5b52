# frozen_string_literal: true

module Karafka
  module Embedded
    # Tells the engine what somebody wants to have, so that it prepares nothing else.
    #
    # @api private
    class Interests
      STATISTICS = "statistics.emitted"
      private_constant :STATISTICS

      # @param engine [Native::Engine]
      def initialize(engine)
        @engine = engine
      end

      # Subscribers may come at any time
      def tell
        return if @statistics || !Karafka.monitor.subscribed?(STATISTICS)

        @engine.want_statistics
        @statistics = true
      end
    end
  end
end
