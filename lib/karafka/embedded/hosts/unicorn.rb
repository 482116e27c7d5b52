# frozen_string_literal: true

module Karafka
  module Embedded
    module Hosts
      # What Unicorn says about its end: TERM is the quick one, by `exit!`, which nobody is told of
      #
      # @api private
      module Unicorn
        class << self
          # @return [Host, nil] nil unless Unicorn serves this process
          def detect
            Host.new(:unicorn, stop_signal: "QUIT") if defined?(::Unicorn::HttpServer)
          end
        end
      end
    end
  end
end
