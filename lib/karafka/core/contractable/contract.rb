# frozen_string_literal: true

module Karafka
  module Core
    module Contractable
      # A set of rules for a Hash. Subclasses declare them; all that fail are reported at once.
      # @example
      #   class Contract < Karafka::Core::Contractable::Contract
      #     required(:timeout, text: "needs to be over 0") { |value| value.is_a?(Integer) && value.positive? }
      #   end
      class Contract
        MISSING = "needs to be present"
        EMPTY_ERRORS = {}.freeze
        NOTHING = Object.new.freeze
        private_constant :MISSING, :EMPTY_ERRORS, :NOTHING

        # @!visibility private
        Rule = Struct.new(:path, :text, :optional, :check)

        class << self
          # @return [Array<Rule, Proc>] rules in the order they were declared, those of the superclass first
          # @api private
          def rules
            @rules ||= superclass.respond_to?(:rules) ? superclass.rules.dup : []
          end

          # @param path [Array<Symbol>] keys that lead to the value
          # @param text [String] what to say when the check fails
          # @yieldparam value [Object]
          # @yieldreturn [Boolean] is it right
          def required(*path, text:, &check)
            rules << Rule.new(path, text, false, check)
          end

          # Like {required}, for a key that may be missing
          def optional(*path, text:, &check)
            rules << Rule.new(path, text, true, check)
          end

          # A rule over several values
          # @yieldparam data [Hash]
          # @yieldparam errors [Hash] what was found so far, path to text
          # @yieldreturn [Array<Array(Array<Symbol>, String)>, nil] paths and texts
          def virtual(&check)
            rules << check
          end
        end

        # @param data [Hash]
        # @param scope [Array<String>] what the paths start with
        # @return [Hash{Symbol => String}] path to text, empty when all is well
        def call(data, scope: [])
          errors = {}
          self.class.rules.each { |rule| collect(rule, data, errors) }
          return EMPTY_ERRORS if errors.empty?

          errors.transform_keys { |path| [*scope, *path].join(".").to_sym }
        end

        # @param data [Hash]
        # @param error_class [Class] what to raise
        # @param scope [Array<String>] what the paths start with
        # @return [true]
        # @raise [StandardError] an `error_class` with the errors hash as its message
        def validate!(data, error_class, scope: [])
          errors = call(data, scope: scope)
          return true if errors.empty?

          raise error_class, errors.to_s
        end

        private

        def collect(rule, data, errors)
          if rule.is_a?(Proc)
            instance_exec(data, errors, &rule)&.each { |path, text| errors[path] ||= text }
          else
            value = dig(data, rule.path)
            if value.equal?(NOTHING)
              errors[rule.path] ||= MISSING unless rule.optional
            elsif instance_exec(value, &rule.check) != true
              errors[rule.path] ||= rule.text
            end
          end
        end

        def dig(data, path)
          path.inject(data) do |scope, key|
            return NOTHING unless scope.respond_to?(:key?) && scope.key?(key)

            scope[key]
          end
        end
      end
    end
  end
end
