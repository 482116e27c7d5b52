# frozen_string_literal: true

module WaterDrop
  # Steps each message goes through before it is checked and sent
  class Middleware
    def initialize
      @steps = [].freeze
    end

    # @param message [Hash]
    # @return [Hash] what the last step made of it
    def run(message)
      @steps.inject(message) { |current, step| step.call(current) }
    end

    # @param messages [Array<Hash>]
    # @return [Array<Hash>]
    def run_many(messages)
      messages.map { |message| run(message) }
    end

    # @param step [#call] gets a message and returns one; runs before those there are
    def prepend(step)
      @steps = [step, *@steps].freeze
    end

    # @param step [#call] gets a message and returns one; runs after those there are
    def append(step)
      @steps = [*@steps, step].freeze
    end
  end
end
