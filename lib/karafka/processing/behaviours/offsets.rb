# frozen_string_literal: true

module Karafka
  module Processing
    module Behaviours
      # How far the consumer has come
      module Offsets
        # @return [Integer, nil] where the partition is tried again after an error: behind the last marked message
        def seek_offset
          coordinator.seek_offset
        end

        # @param offset [Integer, nil]
        def seek_offset=(offset)
          coordinator.seek_offset = offset
        end

        # Marks a message and all before it as done. The mark is committed within `auto_commit_interval`.
        # @param message [Messages::Message, Messages::Seek]
        # @return [Boolean] false when the partition is no longer ours
        def mark_as_consumed(message)
          coordinator.mark(message)
        end

        # Marks a message and all before it as done, and waits until the cluster knows.
        # @param message [Messages::Message, Messages::Seek]
        # @return [Boolean] false when the partition is no longer ours
        def mark_as_consumed!(message)
          coordinator.mark!(message)
        end

        # Commits what was marked so far
        # @param async [Boolean] does it go on without the cluster's answer
        # @return [Boolean] false when the partition is no longer ours
        # @example
        #   messages.each { |message| work(message) && mark_as_consumed(message) }
        #   commit_offsets
        def commit_offsets(async: true)
          return false if revoked?

          async ? coordinator.commit : coordinator.commit!
        end

        # Commits what was marked so far, and waits until the cluster knows
        # @return [Boolean] false when the partition is no longer ours
        def commit_offsets!
          commit_offsets(async: false)
        end
      end
    end
  end
end
