# frozen_string_literal: true

module Karafka
  module Processing
    # What Ruby knows about an assignment beyond what the engine does; part of {Native::Partition}.
    module Coordinator
      # @return [Boolean] was the partition read to its end when the last batch was taken
      def eofed?
        @eofed ? true : false
      end

      # @param eofed [Boolean]
      # @api private
      attr_writer :eofed
    end
  end
end
