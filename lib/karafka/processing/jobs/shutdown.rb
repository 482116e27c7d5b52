# frozen_string_literal: true

module Karafka
  module Processing
    module Jobs
      # The engine stops
      class Shutdown < Base
        self.action = :shutdown

        # @api private
        def schedule
          executor.prepare(self, :on_before_schedule_shutdown)
        end

        # @api private
        def call
          executor.shutdown
        end
      end
    end
  end
end
