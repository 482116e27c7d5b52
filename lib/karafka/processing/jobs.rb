# frozen_string_literal: true

require_relative "jobs/base"
require_relative "jobs/consume"
require_relative "jobs/eofed"
require_relative "jobs/revoked"
require_relative "jobs/shutdown"

module Karafka
  module Processing
    # What a lease asks for
    module Jobs
      # The job for each kind of lease
      # @api private
      BY_KIND = { consume: Consume, eofed: Eofed, revoked: Revoked, shutdown: Shutdown }.freeze
    end
  end
end
