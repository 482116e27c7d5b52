# frozen_string_literal: true

require_relative "code"

module Karafka
  module Embedded
    # Runs code of a Rails application as Rails wants it: every job in its executor, which counts it as running code,
    # gives its connections back and resets what is current; and where classes reload, every batch in its reloader, so
    # that it begins with the code as it is saved.
    #
    # @api private
    class RailsCode < Code
      # Jobs for the consumer that had the last batch: no reason to load anything
      LAST_WORDS = %i[revoked shutdown].freeze
      private_constant :LAST_WORDS

      # @param application [Rails::Application]
      def initialize(application)
        super()
        @application = application
      end

      # @see Code#call
      def call(action, &job)
        wrapper = reloads? && !LAST_WORDS.include?(action) ? @application.reloader : @application.executor
        wrapper.wrap(&job)
      end

      # Counts as running code: nothing is unloaded meanwhile
      # @see Code#enter
      def enter(&code)
        @application.executor.wrap(&code)
      end

      # A worker that is to reload waits until nobody else runs code. A request that waits for that worker would have
      # both wait for ever, so it does not count as running code meanwhile.
      # @see Code#wait
      def wait
        return yield unless counted?

        interlock = ActiveSupport::Dependencies.interlock
        begin
          interlock.done_running
          yield
        ensure
          interlock.start_running
        end
      end

      # @see Code#reloads?
      def reloads?
        return @reloads if defined?(@reloads)

        config = @application.config
        @reloads = config.respond_to?(:reloading_enabled?) ? config.reloading_enabled? : !config.cache_classes
      end

      private

      # Rails counts who runs code only where code can be unloaded, and not where somebody has told it not to
      def counted?
        reloads? && ![false, :unsafe].include?(@application.config.allow_concurrency) && @application.executor.active?
      end
    end
  end
end
