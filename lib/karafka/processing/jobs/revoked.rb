# frozen_string_literal: true

module Karafka
  module Processing
    module Jobs
      # The partition of a consumer was taken away
      class Revoked < Base
        self.action = :revoked

        # @api private
        def schedule
          executor.prepare(self, :on_before_schedule_revoked)
        end

        # @api private
        def call
          executor.revoked
        end
      end
    end
  end
end
