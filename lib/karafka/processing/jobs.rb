# frozen_string_literal: true

module Karafka
  module Processing
    # What a lease asks for
    module Jobs
      class << self
        # @param lease [Native::Lease]
        # @param executor [Executor]
        # @return [Base]
        # @api private
        def build(lease, executor)
          BY_KIND.fetch(lease.kind).new(executor, lease)
        end
      end
    end
  end
end

require_relative "jobs/base"
require_relative "jobs/consume"
require_relative "jobs/eofed"
require_relative "jobs/revoked"
require_relative "jobs/shutdown"

module Karafka
  module Processing
    module Jobs
      BY_KIND = { consume: Consume, eofed: Eofed, revoked: Revoked, shutdown: Shutdown }.freeze
      private_constant :BY_KIND
    end
  end
end
