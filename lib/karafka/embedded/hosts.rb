# frozen_string_literal: true

require_relative "host"
require_relative "hosts/puma"
require_relative "hosts/sidekiq"
require_relative "hosts/passenger"
require_relative "hosts/unicorn"

module Karafka
  module Embedded
    # The hosts that are known by name
    #
    # @api private
    module Hosts
      # @return [Host] the one that this process looks like, for hooks that are written by hand
      def self.detect
        Sidekiq.detect || Puma.detect || Passenger.detect || Unicorn.detect || Host.new
      end
    end
  end
end
