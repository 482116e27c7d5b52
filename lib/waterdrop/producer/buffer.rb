# frozen_string_literal: true

module WaterDrop
  class Producer
    # Messages kept until they are flushed. They go through middleware and checks when they are, not before.
    module Buffer
      # @return [Array<Hash>] what is buffered, frozen
      def messages
        @buffer_mutex.synchronize { @messages.dup.freeze }
      end

      # Keeps a message for a later flush.
      # @param message [Hash] see {Dispatch#produce_sync}
      # @return [Array<Hash>] what is buffered
      def buffer(message)
        ensure_active!
        instrument("message.buffered", message: message, buffer: messages) { keep([message]) }
      end

      # Keeps messages for a later flush.
      # @param messages [Array<Hash>] see {Dispatch#produce_sync}
      # @return [Array<Hash>] what is buffered
      def buffer_many(messages)
        ensure_active!
        instrument("messages.buffered", messages: messages, buffer: self.messages) { keep(messages) }
      end

      # Sends what is buffered and waits for all answers. When it fails, what was not handed over is buffered again.
      # @return [Array<Rdkafka::Producer::DeliveryHandle>]
      # @raise [Errors::ProduceManyError]
      # @raise [Errors::MessageInvalidError] when one of the messages is; all stay buffered
      def flush_sync
        flush("buffer.flushed_sync") { |taken, dispatched| dispatch_many_sync(taken, dispatched) }
      end

      # Sends what is buffered without waiting for the answers.
      # @see #flush_sync
      def flush_async
        flush("buffer.flushed_async") { |taken, dispatched| dispatch_many_async(taken, dispatched) }
      end

      private

      def initialize_buffer
        @buffer_mutex = Mutex.new
        @messages = []
      end

      def buffered?
        @buffer_mutex.synchronize { !@messages.empty? }
      end

      def keep(messages)
        @buffer_mutex.synchronize { (@messages += messages).dup.freeze }
      end

      def take_all
        @buffer_mutex.synchronize do
          taken = @messages
          @messages = []
          taken
        end
      end

      def put_back(messages)
        @buffer_mutex.synchronize { @messages = messages + @messages }
      end

      def flush(event_id)
        ensure_active!
        taken = take_all
        return [] if taken.empty?

        dispatched = []
        begin
          instrument(event_id, messages: taken) { yield(taken, dispatched) }
        ensure
          # Whatever ended it: an error, a subscriber that raised, a timeout of the application
          put_back(taken.drop(dispatched.size)) if dispatched.size < taken.size
        end
      end

      def purge_buffer
        taken = take_all
        instrument("buffer.purged", messages: taken) unless taken.empty?
      end
    end
  end
end
