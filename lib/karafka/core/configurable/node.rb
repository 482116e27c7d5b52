# frozen_string_literal: true

module Karafka
  module Core
    module Configurable
      # One scope of settings. Settings are real methods: an unknown one is a NoMethodError that names it, and
      # `respond_to?` tells the truth.
      class Node
        # @return [String] where it is in the tree ("config.pause")
        attr_reader :node_path

        # @param node_path [String] where it is in the tree
        # @param definition [Proc, nil] block with `setting` calls
        def initialize(node_path, &definition)
          @node_path = node_path
          @defaults = {}
          @values = {}
          @written = {}
          instance_eval(&definition) if definition
        end

        # Declares a setting
        # @param name [Symbol]
        # @param default [Object] its value until it is written
        # @param constructor [Proc, nil] builds the value at the first read; gets the default if it takes an argument
        # @yield settings of a nested scope
        def setting(name, default: nil, constructor: nil, &definition)
          if definition
            @values[name] = Node.new("#{node_path}.#{name}", &definition)
          else
            @defaults[name] = [default, constructor]
          end
          define_accessors(name)
        end

        # Adds a setting with a value at run time
        # @param name [Symbol]
        # @param value [Object]
        def register(name, value)
          setting(name, default: value)
        end

        # @yieldparam node [Node] itself
        # @return [Node] itself
        def configure
          yield(self) if block_given?
          self
        end

        # @param name [Symbol, String] a setting, or a path such as "pause.timeout"
        # @return [Boolean] was it written, as opposed to having its default value
        def set_by_user?(name) # rubocop:disable Naming/AccessorMethodName -- a question, not a writer
          head, rest = name.to_s.split(".", 2)
          return @values.fetch(head.to_sym).set_by_user?(rest) if rest

          @written.key?(head.to_sym)
        end

        # Gives a setting its value without counting as written by the user
        # @api private
        def assign_default(name, value)
          @values[name] = value
        end

        # @return [Hash{Symbol => Object}] all settings, nested scopes as hashes
        def to_h
          names = @defaults.keys | @values.keys
          names.to_h do |name|
            value = public_send(name)
            [name, value.is_a?(Node) ? value.to_h : value]
          end
        end

        # @return [Node] copy that shares no scope with this one
        def deep_dup
          copy = Node.new(node_path)
          copy.copy_from(@defaults, @values, @written)
          copy
        end

        # Values are left out: there are passwords among them
        # @return [String]
        def inspect
          "#<#{self.class} #{node_path}>"
        end

        alias to_s inspect

        protected

        def copy_from(defaults, values, written)
          @defaults = defaults.dup
          @written = written.dup
          @values = values.transform_values { |value| value.is_a?(Node) ? value.deep_dup : value }
          (@defaults.keys | @values.keys).each { |name| define_accessors(name) }
        end

        private

        def define_accessors(name)
          define_singleton_method(name) { @values.fetch(name) { @values[name] = build_default(name) } }
          define_singleton_method(:"#{name}=") do |value|
            @written[name] = true
            @values[name] = value
          end
        end

        def build_default(name)
          default, constructor = @defaults.fetch(name)
          # A default that the application may change in place belongs to one tree only
          default = default.dup if default.is_a?(Hash) || default.is_a?(Array)
          return default unless constructor

          constructor.arity.zero? ? constructor.call : constructor.call(default)
        end
      end
    end
  end
end
