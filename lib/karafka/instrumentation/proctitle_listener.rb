# frozen_string_literal: true

module Karafka
  module Instrumentation
    # Shows the state in the title of the process: `karafka orders (running)`
    class ProctitleListener
      Status::STATES.each_key do |state|
        define_method(:"on_app_#{state}") do |_event|
          title = "karafka #{App.config.client_id} (#{state})"
          ::Process.setproctitle(title)
        end
      end
    end
  end
end
