# frozen_string_literal: true

# A thread that makes another one may be the last to go on: what the new one does must not hang on that.
module HeldMakers
  # Holds whoever makes a thread back, before it has that one, while the block runs
  # @yieldparam made [Thread]
  def hold_makers(&hold)
    allow(Thread).to receive(:new).and_wrap_original do |original, &block|
      original.call(&block).tap(&hold)
    end
  end
end

RSpec.configure { |config| config.include HeldMakers }
