# frozen_string_literal: true

require_relative "check"

exit Demo::Check.new.run
