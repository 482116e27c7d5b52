# frozen_string_literal: true

module WaterDrop
  # Where a producer is in its life
  class Status
    # All states, in their order
    STATES = %i[initial configured connected disconnecting disconnected closing closed].freeze
    ACTIVE = %i[configured connected disconnecting disconnected].freeze
    private_constant :ACTIVE

    def initialize
      @status = :initial
    end

    STATES.each do |state|
      define_method(:"#{state}?") { @status == state }
      define_method(:"#{state}!") { @status = state }
    end

    # @return [Boolean] can messages be given to it
    def active?
      ACTIVE.include?(@status)
    end

    # @return [String]
    def to_s
      @status.to_s
    end
  end
end
