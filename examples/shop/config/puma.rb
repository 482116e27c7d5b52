# frozen_string_literal: true

# Puma 5.6 to 8 with Karafka in it
bind "tcp://127.0.0.1:#{ENV.fetch("PORT", 9292)}"
threads 5, 5

# With workers they consume, and their master does not. The application is loaded before the fork, so that the broker
# that it brings is one for all of them.
workers Integer(ENV.fetch("WEB_CONCURRENCY", 0))
preload_app!

plugin :karafka_embedded
