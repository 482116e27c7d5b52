# frozen_string_literal: true

require_relative "karafka"

run Shop::Web.new
