# frozen_string_literal: true

require "json"

module Karafka
  module Core
    module Taggable
      # Named tags; may be read from other threads while they change
      class Tags
        def initialize
          @mutex = Mutex.new
          @tags = {}
        end

        # @param name [Symbol, String] slot; a second tag of the same name replaces the first
        # @param tag [Object] kept as a String
        def add(name, tag)
          @mutex.synchronize { @tags = @tags.merge(name => tag.to_s) }
        end

        # @param name [Symbol, String] slot to empty
        def delete(name)
          @mutex.synchronize { @tags = @tags.reject { |other, _| other == name } }
        end

        # Drops all tags
        def clear
          @mutex.synchronize { @tags = {} }
        end

        # @return [Array<String>] the tags, each once
        def to_a
          @tags.values.uniq
        end

        # @return [String] JSON array
        def to_json(*arguments)
          to_a.to_json(*arguments)
        end

        # @return [Array<String>]
        def as_json(*)
          to_a
        end
      end
    end
  end
end
