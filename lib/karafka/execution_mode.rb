# frozen_string_literal: true

module Karafka
  # How the framework runs in this process; equal to its Symbol and its String
  class ExecutionMode
    # All there are. Only the embedded one is what this gem does.
    MODES = %i[standalone embedded supervisor swarm].freeze

    # @param mode [Symbol] one of {MODES}
    # @raise [Errors::UnsupportedCaseError] for another
    def initialize(mode = :embedded)
      raise Errors::UnsupportedCaseError, mode unless MODES.include?(mode)

      @mode = mode
    end

    MODES.each { |mode| define_method(:"#{mode}?") { @mode == mode } }

    # @return [Symbol]
    def to_sym
      @mode
    end

    # @return [String]
    def to_s
      @mode.to_s
    end

    # @param other [ExecutionMode, Symbol, String]
    # @return [Boolean]
    def ==(other)
      other.respond_to?(:to_sym) && other.to_sym == @mode
    end

    alias eql? ==

    # @return [Integer]
    def hash
      @mode.hash
    end
  end
end
