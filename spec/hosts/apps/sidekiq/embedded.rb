# frozen_string_literal: true

# Sidekiq embedded in a program (7 and later), with consumers in the same process. It ends on TERM.

require "sidekiq"

wake, waker = IO.pipe
trap(:TERM) { waker.puts }

require_relative "boot"

sidekiq = Sidekiq.configure_embed { |config| config.concurrency = 2 }
sidekiq.run
wake.gets
sidekiq.stop
