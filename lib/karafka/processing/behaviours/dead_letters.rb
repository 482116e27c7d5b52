# frozen_string_literal: true

module Karafka
  module Processing
    module Behaviours
      # What can't be consumed goes to another topic after some tries; the rest of the partition goes on. Only consumers
      # of topics with a `dead_letter_queue` have this.
      module DeadLetters
        # Copies a message to the dead letter topic. It is not marked by that.
        # @param message [Messages::Message]
        def dispatch_to_dlq(message)
          queue = topic.dead_letter_queue
          producer.public_send(queue.dispatch_method, topic: queue.topic, payload: message.raw_payload)
          Karafka.monitor.instrument("dead_letter_queue.dispatched", caller: self, message: message)
        end

        private

        # An error that ends the process says nothing about the message.
        def karafka_recover
          if attempt <= topic.dead_letter_queue.max_retries || karafka_job.critical? || revoked?
            retry_after_pause
          else
            karafka_give_up(karafka_broken_message)
          end
        end

        # Tries are counted anew before anything here can fail: the next message has had none.
        def karafka_give_up(message)
          coordinator.reset_attempts
          dispatch_to_dlq(message)
          return retry_after_pause unless karafka_move_past(message)

          # A seek that has it forgotten what was consumed leaves no offset; the message was given up all the same.
          offset = seek_offset || (message.offset + 1)
          timeout = karafka_job.dead_letter(offset)
          karafka_tell_pause(offset, timeout, attempt, false) unless timeout.nil? || revoked?
        end

        # The engine does not know at which message the consumer failed; the first that is not marked is it, or that of
        # the batch where all are. Between what is marked and it there may be offsets without a message.
        def karafka_broken_message
          offset = seek_offset
          (offset && messages.raw.find { |message| message.offset >= offset }) || messages.first
        end

        # What was consumed already is not consumed once more.
        def karafka_move_past(message)
          return true if seek_offset&.> message.offset

          queue = topic.dead_letter_queue
          mark = queue.mark_after_dispatch?
          mark = !topic.manual_offset_management? if mark.nil?
          return public_send(queue.marking_method, message) if mark

          self.seek_offset = message.offset + 1
        end
      end
    end
  end
end
