# frozen_string_literal: true

module Karafka
  module Processing
    module Jobs
      # There is nothing more in the partition of a consumer, for now
      class Eofed < Base
        self.action = :eofed

        # @api private
        def schedule
          executor.prepare_eofed(self)
        end

        # @api private
        def call
          executor.eofed
        end
      end
    end
  end
end
