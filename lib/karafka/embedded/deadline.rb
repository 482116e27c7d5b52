# frozen_string_literal: true

module Karafka
  module Embedded
    # How long a stop may take. Whoever calls it may say so. Otherwise it is `shutdown_timeout`, and at most what the
    # host waits before it kills, less `config.embedded.shutdown_margin`: the final events and the report come first.
    #
    # @api private
    module Deadline
      # Of a short patience the margin takes no more than this part
      LARGEST_MARGIN = 4
      private_constant :LARGEST_MARGIN

      # @param host [Host]
      # @return [Integer] milliseconds from now
      def self.of(host)
        wanted = App.config.shutdown_timeout
        patience = host.patience
        return wanted unless patience

        margin = [App.config.embedded.shutdown_margin, patience / LARGEST_MARGIN].min
        [wanted, patience - margin].min.to_i
      end
    end
  end
end
