# frozen_string_literal: true

module Karafka
  module Embedded
    # A process that somebody works with, rather than one that serves
    #
    # @api private
    module Tool
      class << self
        # @return [Symbol, nil] :console, :rake, :generator or :spring; nil for any other program
        def name
          if console? then :console
          elsif rake? then :rake
          elsif generator? then :generator
          elsif spring? then :spring
          end
        end

        # @return [Boolean] of Rails
        def generator?
          %w[Generate Destroy].any? { |command| Object.const_defined?("Rails::Command::#{command}Command") }
        end

        # @return [Boolean] it loads the application once, and forks for each command
        def spring?
          defined?(::Spring::Application) ? true : false
        end

        private

        def console?
          return true if defined?(::Rails::Console)

          %w[irb pry console].include?(File.basename($PROGRAM_NAME)) || irb?
        end

        # A session that was given a script to begin with has the script's name
        def irb?
          defined?(::IRB) && ::IRB.respond_to?(:CurrentContext) && !::IRB.CurrentContext.nil?
        end

        def rake?
          return false unless defined?(::Rake) && ::Rake.respond_to?(:application)

          ::Rake.application.top_level_tasks.any?
        end
      end
    end
  end
end
