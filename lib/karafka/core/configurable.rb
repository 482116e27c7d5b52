# frozen_string_literal: true

require_relative "configurable/node"

module Karafka
  module Core
    # Settings for a class (`extend`) or for each of its instances (`include`)
    # @example
    #   class Listener
    #     include Karafka::Core::Configurable
    #     setting :namespace, default: "karafka"
    #   end
    module Configurable
      # The `setting` declarations of a class
      module Declarations
        # @see Node#setting
        def setting(...)
          settings_tree.setting(...)
        end

        # @return [Node] the declarations, inherited ones too
        # @api private
        def settings_tree
          @settings_tree ||=
            superclass.respond_to?(:settings_tree) ? superclass.settings_tree.deep_dup : Node.new("config")
        end
      end

      # @api private
      def self.extended(base)
        base.extend(Declarations)
      end

      # @api private
      def self.included(base)
        base.extend(Declarations)
      end

      # @return [Node] the settings
      def config
        @config ||= is_a?(Module) ? settings_tree : self.class.settings_tree.deep_dup
      end

      # @yieldparam config [Node]
      # @return [Node]
      def configure(&block)
        config.configure(&block)
      end
    end
  end
end
